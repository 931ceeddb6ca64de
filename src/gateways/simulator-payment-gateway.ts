import { request as exchange, type Dispatcher } from 'undici';
import { z } from 'zod';
import {
  AmountExceedsLeftError,
  AuthorizationGoneError,
  PaymentContractError,
  PaymentGatewayOpenError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../domain/errors.ts';
import { MAX_AMOUNT_MINOR } from '../domain/payments/money.ts';
import { AUTHORIZATION_DAYS } from '../domain/payments/payment.ts';
import type { PaymentCapabilities } from '../domain/payments/payment-capabilities.ts';
import { createBreakers, type BreakerListener } from './circuit-breaker.ts';
import {
  expectSame,
  type CaptureRequest,
  type ChargeOutcome,
  type ChargeQuestion,
  type ChargeRequest,
  type LookupOutcome,
  type PaymentGateway,
  type ProviderMovement,
  type RefundRequest,
  type VoidOutcome,
  type VoidRequest,
} from './payment-gateway.ts';

const paymentAnswer = z.object({
  id: z.string(),
  orderId: z.string(),
  kind: z.string(),
  amountMinor: z.number(),
  currency: z.string(),
  state: z.enum(['SUCCEEDED', 'DECLINED']),
  declineCode: z.string().optional(),
  retryable: z.boolean().optional(),
  /** Only in a look-up: nothing more can be captured. */
  voided: z.boolean().optional(),
  capturedMinor: z.number().optional(),
});

const voidAnswer = z.discriminatedUnion('result', [
  z.object({ result: z.enum(['voided', 'tombstoned']), amountMinor: z.number() }),
  z.object({ result: z.literal('declined'), amountMinor: z.number(), declineCode: z.string() }),
  z.object({
    result: z.literal('already_captured'),
    capturedMinor: z.number(),
    refundedMinor: z.number(),
    releasedMinor: z.number().default(0),
    paymentId: z.string(),
  }),
]);

const movementAnswer = z.object({ id: z.string(), orderId: z.string(), amountMinor: z.number(), currency: z.string() });

const movementsAnswer = z.object({
  movements: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['capture', 'refund']),
      key: z.string().nullable(),
      amountMinor: z.number(),
      currency: z.string(),
    }),
  ),
});
const refusalAnswer = z.object({ code: z.string() });

/** Answers are small; a longer one is not read to its end. */
const MAX_ANSWER_BYTES = 64 * 1024;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The payment key that the call is about, for errors. */
  readonly about: string;
  /** The circuit breaker that the call passes. */
  readonly route: string;
  readonly idempotencyKey?: string;
  readonly body?: unknown;
}

/**
 * The adapter to the payment simulator, and the model for an adapter to a real provider. Charges have one breaker per
 * payment method, because methods are the simulator's routes to different card networks, and the failure of one network
 * says nothing about the others.
 */
export function createSimulatorPaymentGateway(options: {
  readonly baseUrl: string;
  readonly onBreakerChange: BreakerListener;
}): PaymentGateway {
  const breakers = createBreakers((error) => error instanceof PaymentOutcomeUnknownError, options.onBreakerChange);
  const call = (request: Call, signal: AbortSignal): Promise<Answer> =>
    breakers.run(
      request.route,
      () => send(options.baseUrl, request, signal),
      () => new PaymentGatewayOpenError(request.about),
    );
  return {
    capabilities: SIMULATOR_CAPABILITIES,
    charge: async (request, signal) => readCharge(request, await call(chargeCall(request), signal)),
    lookup: (request, signal) => lookup(call, request, signal),
    voidByKey: (request, signal) => voidByKey(call, request, signal),
    capture: (request, signal) => move(call, { ...request, kind: 'capture' }, signal),
    refund: (request, signal) => move(call, { ...request, kind: 'refund' }, signal),
    movements: (question, signal) => movementsOf(call, question, signal),
    routeOf: (method) => method,
    ping: async (signal) => {
      await send(options.baseUrl, { method: 'GET', path: '/healthz', about: 'ping', route: 'ping' }, signal);
    },
  };
}

/**
 * The simulator accepts every amount in every currency, and any number of captures. A void releases what they have
 * left.
 */
const SIMULATOR_CAPABILITIES: PaymentCapabilities = {
  captures: 'several',
  restAfterCapture: 'stays_authorized',
  voidsRest: true,
  authorizationSeconds: AUTHORIZATION_DAYS * 86_400,
  limitsOf: () => ({ minimumMinor: 1, maximumMinor: MAX_AMOUNT_MINOR, multipleOfMinor: 1 }),
};

type Caller = (request: Call, signal: AbortSignal) => Promise<Answer>;

function chargeCall({ key, method, ...charge }: ChargeRequest): Call {
  return {
    method: 'POST',
    path: '/v1/payments',
    about: key,
    route: method,
    idempotencyKey: key,
    body: {
      orderId: charge.orderId,
      kind: charge.kind,
      amountMinor: charge.amountMinor,
      currency: charge.currency,
      method,
    },
  };
}

function readCharge(request: ChargeRequest, answer: Answer): ChargeOutcome {
  if (answer.status === 410) return { kind: 'voided' };
  if (answer.status !== 200 && answer.status !== 201 && answer.status !== 402) throw refusalOf(request.key, answer);
  const payment = parseAnswer(request.key, paymentAnswer, answer);
  const { key, orderId, kind, amountMinor, currency } = request;
  expectSame(key, { orderId, kind, amountMinor, currency }, payment);
  if (payment.voided === true && payment.capturedMinor === 0) return { kind: 'voided' };
  return payment.state === 'SUCCEEDED'
    ? { kind: 'succeeded', providerRef: payment.id }
    : { kind: 'declined', declineCode: payment.declineCode ?? 'declined', soft: payment.retryable ?? false };
}

async function lookup(call: Caller, request: ChargeRequest, signal: AbortSignal): Promise<LookupOutcome> {
  const answer = await call({ method: 'GET', path: keyPath(request.key), about: request.key, route: 'lookup' }, signal);
  return answer.status === 404 ? { kind: 'absent' } : readCharge(request, answer);
}

async function voidByKey(call: Caller, request: VoidRequest, signal: AbortSignal): Promise<VoidOutcome> {
  const answer = await call(
    {
      method: 'POST',
      path: `${keyPath(request.chargeKey)}/void`,
      about: request.key,
      route: 'void',
      idempotencyKey: request.key,
      body: { orderId: request.orderId, currency: request.currency },
    },
    signal,
  );
  if (answer.status !== 200) throw refusalOf(request.key, answer);
  const result = parseAnswer(request.key, voidAnswer, answer);
  switch (result.result) {
    case 'voided':
    case 'tombstoned':
      return { kind: 'voided', amountMinor: result.amountMinor };
    case 'declined':
      return { kind: 'declined', amountMinor: result.amountMinor, declineCode: result.declineCode };
    case 'already_captured': {
      const { capturedMinor, refundedMinor, releasedMinor, paymentId } = result;
      return { kind: 'captured', capturedMinor, refundedMinor, releasedMinor, providerRef: paymentId };
    }
  }
}

/** Captures and refunds differ only in their path. */
async function move(
  call: Caller,
  movement: (CaptureRequest | RefundRequest) & { readonly kind: 'capture' | 'refund' },
  signal: AbortSignal,
): Promise<{ providerRef: string }> {
  const { kind, key, chargeKey, orderId, amountMinor, currency } = movement;
  const answer = await call(
    {
      method: 'POST',
      path: `${keyPath(chargeKey)}/${kind}s`,
      about: key,
      route: kind,
      idempotencyKey: key,
      body: { orderId, amountMinor, currency },
    },
    signal,
  );
  if (answer.status !== 200 && answer.status !== 201) throw refusalOf(key, answer);
  const moved = parseAnswer(key, movementAnswer, answer);
  expectSame(key, { orderId, amountMinor, currency }, moved);
  return { providerRef: moved.id };
}

async function movementsOf(
  call: Caller,
  { chargeKey, currency }: ChargeQuestion,
  signal: AbortSignal,
): Promise<ProviderMovement[]> {
  const path = `${keyPath(chargeKey)}/movements`;
  const answer = await call({ method: 'GET', path, about: chargeKey, route: 'lookup' }, signal);
  if (answer.status === 404) return [];
  if (answer.status !== 200) throw refusalOf(chargeKey, answer);
  return parseAnswer(chargeKey, movementsAnswer, answer).movements.map(({ id, currency: found, ...moved }) => {
    expectSame(chargeKey, { currency }, { currency: found });
    return { ...moved, providerRef: id, state: 'SUCCEEDED' };
  });
}

/**
 * Makes one HTTP call, which is never repeated here. The outcome is unknown unless a readable answer below 500 arrives.
 */
async function send(baseUrl: string, call: Call, signal: AbortSignal): Promise<Answer> {
  const unknown = (why: string, cause?: unknown): PaymentOutcomeUnknownError =>
    new PaymentOutcomeUnknownError(call.about, why, cause);
  let status: number;
  let text: string;
  try {
    const { statusCode, body } = await exchange(new URL(call.path, baseUrl), {
      method: call.method,
      headers: {
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(call.idempotencyKey === undefined ? {} : { 'idempotency-key': call.idempotencyKey }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
    });
    status = statusCode;
    text = await readCapped(body);
  } catch (error) {
    throw unknown(signal.aborted ? 'no answer in time' : 'the connection failed', error);
  }
  // Redirects are not followed: money goes only where the configuration says.
  const isNoAnswer = status >= 500 || status === 429 || (status >= 300 && status < 400);
  if (isNoAnswer) throw unknown(`the provider answered ${status}`);
  try {
    return { status, body: JSON.parse(text) as unknown };
  } catch {
    throw unknown('the answer is not JSON');
  }
}

async function readCapped(answer: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new RangeError('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A refusal that cannot be read is still a refusal; any other unreadable answer leaves the outcome unknown. */
function parseAnswer<Schema extends z.ZodType>(key: string, schema: Schema, answer: Answer): z.output<Schema> {
  const parsed = schema.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const why = 'its answer has an unexpected shape';
  throw answer.status >= 400 ? new PaymentContractError(key, why) : new PaymentOutcomeUnknownError(key, why);
}

const EXCEEDS = new Set(['amount_exceeds_authorized', 'amount_exceeds_captured']);

function refusalOf(key: string, answer: Answer): Error {
  const refusal = refusalAnswer.safeParse(answer.body);
  const code = refusal.success ? refusal.data.code : 'no code';
  // 409: an earlier call with this key is still being processed, so its outcome is unknown.
  if (answer.status === 409) return new PaymentOutcomeUnknownError(key, `the provider answered ${code}`);
  if (answer.status === 410) return new AuthorizationGoneError(key, code);
  if (code === 'refund_failed') return new RefundRefusedError(key, code);
  const why = `${answer.status} ${code}`;
  return EXCEEDS.has(code) ? new AmountExceedsLeftError(key, why) : new PaymentContractError(key, why);
}

function keyPath(key: string): string {
  return `/v1/payments/${encodeURIComponent(key)}`;
}
