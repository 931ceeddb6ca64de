import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

// A stand-in for the part of Stripe's API that our adapter uses, written from Stripe's documentation and not from the
// adapter: form-encoded bodies, idempotency keys, PaymentIntents, Charges, Refunds and error objects.

/** Duration of the slow method, the same as the simulator's in tests. */
const SLOW_MS = 800;

type Status = 'requires_payment_method' | 'requires_capture' | 'processing' | 'canceled' | 'succeeded';
type Metadata = Record<string, string>;

interface Intent {
  readonly id: string;
  readonly object: 'payment_intent';
  status: Status;
  readonly amount: number;
  amount_capturable: number;
  amount_received: number;
  readonly currency: string;
  readonly capture_method: string;
  readonly created: number;
  readonly transfer_group: string | null;
  latest_charge: string | null;
  last_payment_error: object | null;
  metadata: Metadata;
}

interface Charge {
  readonly id: string;
  readonly object: 'charge';
  readonly status: 'succeeded' | 'failed';
  readonly amount: number;
  amount_captured: number;
  amount_refunded: number;
  captured: boolean;
  readonly currency: string;
  readonly payment_intent: string;
  readonly payment_method: string;
  readonly transfer_group: string | null;
  readonly metadata: Metadata;
  readonly payment_method_details: object;
}

interface Refund {
  readonly id: string;
  readonly object: 'refund';
  readonly amount: number;
  readonly currency: string;
  readonly charge: string;
  readonly payment_intent: string;
  status: string;
  readonly failure_reason?: string;
  readonly metadata: Metadata;
}

/** The special behavior of a payment method of Stripe's test mode, or of ours (`pm_fake_...`). */
interface Method {
  readonly decline?: { readonly code: string; readonly decline_code: string; readonly advice_code?: string };
  readonly extraMinor?: number;
  /** The card's network accepts only one capture of an authorization. */
  readonly onlyOneCapture?: true;
  /** Stripe's limits depend on the account. */
  readonly amountCode?: string;
  readonly slow?: true;
  readonly losesReply?: true;
  readonly unavailable?: true;
  readonly refund?: 'fails' | 'pending' | 'disputed';
  /** The customer without whom the method cannot be used. */
  readonly customer?: string;
}

const cardDeclined = (decline_code: string) => ({ code: 'card_declined', decline_code });

const METHODS: Readonly<Record<string, Method>> = {
  pm_card_visa: {},
  pm_card_chargeDeclined: { decline: cardDeclined('generic_decline') },
  pm_card_chargeDeclinedInsufficientFunds: { decline: cardDeclined('insufficient_funds') },
  pm_card_chargeDeclinedProcessingError: { decline: { code: 'processing_error', decline_code: 'processing_error' } },
  pm_fake_issuer_not_available: { decline: cardDeclined('issuer_not_available') },
  pm_fake_try_again_later: { decline: cardDeclined('try_again_later') },
  pm_fake_never_again: { decline: { ...cardDeclined('insufficient_funds'), advice_code: 'do_not_try_again' } },
  pm_fake_only_one_capture: { onlyOneCapture: true },
  pm_fake_amount_too_small: { amountCode: 'amount_too_small' },
  pm_card_refundFail: { refund: 'fails' },
  pm_card_pendingRefund: { refund: 'pending' },
  pm_card_createDispute: { refund: 'disputed' },
  pm_fake_wrong_amount: { extraMinor: 1 },
  pm_fake_slow: { slow: true },
  pm_fake_lost_reply: { losesReply: true },
  pm_fake_unavailable: { unavailable: true },
  pm_fake_saved: { customer: 'cus_fake' },
};

/** A request as the fake received it. */
export interface HeardRequest {
  readonly route: string;
  readonly version: string | undefined;
  readonly key: string | undefined;
  readonly form: Readonly<Record<string, string>>;
}

/** A running fake. */
export interface FakeStripe {
  readonly url: string;
  readonly requests: readonly HeardRequest[];
  /** Successful charges with this metadata. */
  charges(orderId: string): readonly Readonly<Charge>[];
  refunds(orderId: string): readonly Readonly<Refund>[];
  /** Updates the search index; until then search finds nothing new, as at Stripe for up to a minute. */
  updateSearch(): void;
  /** Forgets all idempotency keys, as Stripe may after 24 hours. */
  forgetKeys(): void;
  /** Lets a pending refund succeed or fail. */
  settleRefunds(status: 'succeeded' | 'failed'): void;
  /** Runs `act` once, to its end, before the next request to a route is handled, for example `POST /cancel`. */
  beforeNext(route: string, act: () => unknown): void;
  /** Captures an authorization without the adapter. */
  captureElsewhere(orderId: string): void;
  /** Refunds a charge in the dashboard; without an amount the whole charge. */
  refundElsewhere(orderId: string, amount?: number): void;
  /** Carries out the next request to a route, and answers with an unreadable text. */
  garbleNext(route: string): void;
  /** Answers every request with this status, or normally again. */
  answerAll(status: number | null): void;
  close(): Promise<void>;
}

/** An error answer; `isSaved` says whether Stripe keeps it under the idempotency key. */
class ApiError extends Error {
  readonly status: number;
  readonly body: object;
  readonly isSaved: boolean;
  constructor(status: number, error: object, isSaved = true) {
    super(JSON.stringify(error));
    this.status = status;
    this.body = { error: { message: 'a message for people', ...error } };
    this.isSaved = isSaved;
  }
}

/** The connection breaks after the effect, without an answer. */
const LOST = Symbol('lost');

interface Answer {
  readonly status: number;
  readonly body: object;
}

interface SavedAnswer {
  readonly fingerprint: string;
  readonly answer: Answer | null;
}

/** The secret key that the fake accepts. */
export const FAKE_STRIPE_KEY = 'sk_test_fake';

/** Listens on a free port. */
export async function startFakeStripe(): Promise<FakeStripe> {
  const account = createAccount();
  const keys = new Map<string, SavedAnswer>();
  const requests: HeardRequest[] = [];
  const before = new Map<string, () => unknown>();
  const garbled = new Set<string>();
  let forced: number | null = null;

  async function answer(request: IncomingMessage, text: string): Promise<Answer | typeof LOST> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const form = Object.fromEntries(new URLSearchParams(request.method === 'POST' ? text : url.search));
    const key = headerOf(request, 'idempotency-key');
    const route = `${request.method} ${url.pathname}`;
    requests.push({ route, version: headerOf(request, 'stripe-version'), key, form });
    for (const [suffix, act] of before) {
      if (!matches(suffix, request, url)) continue;
      before.delete(suffix);
      await act();
    }
    if (forced !== null) throw new ApiError(forced, { type: 'api_error' }, false);
    if (headerOf(request, 'authorization') !== `Bearer ${FAKE_STRIPE_KEY}`) {
      throw new ApiError(401, { type: 'invalid_request_error' }, false);
    }
    const run = () => account.handle(request.method ?? '', url.pathname, form);
    const answered = await (request.method === 'POST' && key !== undefined
      ? once(key, `${route}?${text}`, run)
      : run());
    const isGarbled = [...garbled].some((suffix) => matches(suffix, request, url) && garbled.delete(suffix));
    return isGarbled ? { status: 200, body: { object: 'changed' } } : answered;
  }

  /** The first answer of a key is every answer of the key, even an error, once its work has begun. */
  async function once(key: string, fingerprint: string, run: () => Promise<Answer | typeof LOST>) {
    const saved = keys.get(key);
    if (saved?.answer === null) {
      throw new ApiError(409, { type: 'idempotency_error', code: 'idempotency_key_in_use' }, false);
    }
    if (saved !== undefined && saved.fingerprint !== fingerprint) {
      throw new ApiError(400, { type: 'idempotency_error' }, false);
    }
    if (saved !== undefined) return saved.answer;
    keys.set(key, { fingerprint, answer: null });
    try {
      const result = await run();
      keys.set(key, { fingerprint, answer: result === LOST ? account.lastAnswer() : result });
      return result;
    } catch (error) {
      if (error instanceof ApiError && error.isSaved) {
        keys.set(key, { fingerprint, answer: { status: error.status, body: error.body } });
      } else {
        keys.delete(key);
      }
      throw error;
    }
  }

  const server = createServer((request, response) => {
    void readBody(request)
      .then((text) => answer(request, text))
      .catch((error: unknown) => {
        if (error instanceof ApiError) return { status: error.status, body: error.body };
        return { status: 500, body: { error: { type: 'api_error', message: String(error) } } };
      })
      .then((result) => (result === LOST ? request.socket.resetAndDestroy() : send(response, result)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    ...account.control,
    url: `http://127.0.0.1:${port}`,
    requests,
    forgetKeys: () => keys.clear(),
    beforeNext: (route, act) => {
      before.set(route, act);
    },
    garbleNext: (route) => {
      garbled.add(route);
    },
    answerAll: (status) => {
      forced = status;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Form = Readonly<Record<string, string>>;

/** The objects of one account, and the operations on them. */
function createAccount() {
  const intents = new Map<string, Intent>();
  const charges: Charge[] = [];
  const refunds: Refund[] = [];
  const searchable = new Set<string>();
  let latest: Answer = { status: 200, body: {} };

  const ok = (object: object): Answer => {
    // The answer is a copy, because a saved answer never changes.
    latest = { status: 200, body: structuredClone(object) };
    return latest;
  };

  function intentOf(id: string): Intent {
    const intent = intents.get(id);
    if (intent === undefined) throw missing('intent');
    return intent;
  }

  async function createIntent(form: Form): Promise<Answer | typeof LOST> {
    const amount = Number(form.amount);
    if (!Number.isSafeInteger(amount) || amount < 1) throw invalid('parameter_invalid_integer', 'amount');
    if (!/^[a-z]{3}$/.test(form.currency ?? '')) throw invalid('parameter_invalid_string_blank', 'currency');
    if ('payment_method_types[0]' in form) throw invalid('parameter_unknown', 'payment_method_types');
    const method = form.confirm === 'true' ? methodOf(form) : {};
    if (method.amountCode !== undefined) throw invalid(method.amountCode, 'amount');
    if (method.unavailable) throw new ApiError(503, { type: 'api_error' }, false);
    if (method.slow) await delay(SLOW_MS);
    const intent: Intent = {
      id: idOf('pi'),
      object: 'payment_intent',
      status: 'requires_payment_method',
      amount: amount + (method.extraMinor ?? 0),
      amount_capturable: 0,
      amount_received: 0,
      currency: form.currency ?? '',
      capture_method: form.capture_method ?? 'automatic_async',
      created: Math.floor(Date.now() / 1_000),
      transfer_group: form.transfer_group ?? null,
      latest_charge: null,
      last_payment_error: null,
      metadata: metadataOf(form),
    };
    intents.set(intent.id, intent);
    if (form.confirm === 'true') tryCard(intent, method, form);
    const answered = ok(intent);
    return method.losesReply ? LOST : answered;
  }

  function tryCard(intent: Intent, method: Method, form: Form): void {
    const isAsked = form['payment_method_options[card][request_multicapture]'] === 'if_available';
    const status = isAsked && !method.onlyOneCapture ? 'available' : 'unavailable';
    const isDeclined = method.decline !== undefined;
    const isCaptured = !isDeclined && intent.capture_method !== 'manual';
    const charge: Charge = {
      id: idOf('ch'),
      object: 'charge',
      status: isDeclined ? 'failed' : 'succeeded',
      amount: intent.amount,
      amount_captured: isCaptured ? intent.amount : 0,
      amount_refunded: 0,
      captured: isCaptured,
      currency: intent.currency,
      payment_intent: intent.id,
      payment_method: form.payment_method ?? '',
      transfer_group: intent.transfer_group,
      metadata: { ...intent.metadata },
      payment_method_details: { type: 'card', card: { multicapture: { status } } },
    };
    charges.unshift(charge);
    intent.latest_charge = charge.id;
    if (isDeclined) {
      intent.last_payment_error = { type: 'card_error', message: 'a message for people', ...method.decline };
      throw new ApiError(402, {
        type: 'card_error',
        ...method.decline,
        charge: charge.id,
        payment_intent: structuredClone(intent),
      });
    }
    intent.last_payment_error = null;
    intent.status = isCaptured ? 'succeeded' : 'requires_capture';
    intent.amount_received = charge.amount_captured;
    intent.amount_capturable = isCaptured ? 0 : intent.amount;
  }

  function cancelIntent(intent: Intent): Answer {
    expectStatus(intent, ['requires_payment_method', 'requires_capture']);
    intent.status = 'canceled';
    intent.amount_capturable = 0;
    return ok(intent);
  }

  function captureIntent(intent: Intent, form: Form): Answer {
    expectStatus(intent, ['requires_capture']);
    const amount = Number(form.amount_to_capture ?? intent.amount_capturable);
    if (amount > intent.amount_capturable) throw invalid('amount_too_large', 'amount_to_capture');
    const charge = charges.find(({ id }) => id === intent.latest_charge);
    const isFinal = form.final_capture !== 'false';
    if (!isFinal && !JSON.stringify(charge?.payment_method_details).includes('"available"')) {
      throw invalid(undefined, 'final_capture');
    }
    intent.status = isFinal ? 'succeeded' : 'requires_capture';
    intent.amount_received += amount;
    intent.amount_capturable = isFinal ? 0 : intent.amount_capturable - amount;
    Object.assign(intent.metadata, metadataOf(form));
    if (charge !== undefined) {
      charge.captured = true;
      charge.amount_captured = intent.amount_received;
    }
    return ok(intent);
  }

  function createRefund(form: Form): Answer {
    const intent = intentOf(form.payment_intent ?? '');
    const charge = charges.find(({ id, captured }) => id === intent.latest_charge && captured);
    if (charge === undefined) throw invalid('payment_intent_unexpected_state', 'payment_intent');
    const left = charge.amount_captured - charge.amount_refunded;
    const amount = Number(form.amount ?? left);
    const { refund: fate } = METHODS[charge.payment_method] ?? {};
    if (fate === 'disputed') throw invalid('charge_disputed');
    if (left === 0) throw invalid('charge_already_refunded');
    // Stripe checks this against the charge, so the refusal is kept under the key.
    if (amount > left) throw new ApiError(400, { type: 'invalid_request_error', param: 'amount' });
    const refund: Refund = {
      id: idOf('re'),
      object: 'refund',
      amount,
      currency: charge.currency,
      charge: charge.id,
      payment_intent: intent.id,
      status: fate === 'fails' ? 'failed' : fate === 'pending' ? 'pending' : 'succeeded',
      ...(fate === 'fails' ? { failure_reason: 'lost_or_stolen_card' } : {}),
      metadata: metadataOf(form),
    };
    if (refund.status !== 'failed') charge.amount_refunded += amount;
    refunds.unshift(refund);
    return ok(refund);
  }

  function listCharges(form: Form): Answer {
    const found = charges.filter(
      (charge) =>
        (form.transfer_group === undefined || charge.transfer_group === form.transfer_group) &&
        (form.payment_intent === undefined || charge.payment_intent === form.payment_intent),
    );
    const isExpanded = form['expand[0]'] === 'data.payment_intent';
    const data = found
      .slice(0, Number(form.limit ?? 10))
      .map((charge) => (isExpanded ? { ...charge, payment_intent: intentOf(charge.payment_intent) } : charge));
    return ok({ object: 'list', url: '/v1/charges', has_more: data.length < found.length, data });
  }

  function searchIntents(form: Form): Answer {
    const key = /^metadata\['key'\]:'(.*)'$/.exec(form.query ?? '')?.[1];
    if (key === undefined) throw invalid('parameter_invalid_string', 'query');
    const data = [...intents.values()].filter(({ id, metadata }) => searchable.has(id) && metadata.key === key);
    return ok({ object: 'search_result', url: '/v1/payment_intents/search', has_more: false, data });
  }

  function handle(method: string, path: string, form: Form): Promise<Answer | typeof LOST> | Answer {
    const [, , kind = '', id = '', action = ''] = path.split('/');
    switch (`${method} ${kind}${id === '' ? '' : id === 'search' ? '/search' : '/:id'}${action && `/${action}`}`) {
      case 'POST payment_intents':
        return createIntent(form);
      case 'GET payment_intents/search':
        return searchIntents(form);
      case 'GET payment_intents/:id':
        return ok(intentOf(id));
      case 'POST payment_intents/:id/cancel':
        return cancelIntent(intentOf(id));
      case 'POST payment_intents/:id/capture':
        return captureIntent(intentOf(id), form);
      case 'GET charges':
        return listCharges(form);
      case 'POST refunds':
        return createRefund(form);
      case 'GET refunds': {
        const data = refunds.filter((refund) => refund.payment_intent === form.payment_intent);
        return ok({ object: 'list', url: '/v1/refunds', has_more: false, data });
      }
      default:
        throw missing('id');
    }
  }

  return {
    handle: async (method: string, path: string, form: Form) => handle(method, path, form),
    lastAnswer: () => latest,
    control: {
      charges: (orderId: string) =>
        charges.filter(({ status, metadata }) => status === 'succeeded' && metadata.orderId === orderId),
      refunds: (orderId: string) => refunds.filter(({ metadata }) => metadata.orderId === orderId),
      updateSearch: () => {
        for (const id of intents.keys()) searchable.add(id);
      },
      settleRefunds: (status: 'succeeded' | 'failed') => {
        for (const refund of refunds.filter((refund) => refund.status === 'pending')) refund.status = status;
      },
      captureElsewhere: (orderId: string) => {
        for (const intent of intents.values()) if (intent.metadata.orderId === orderId) captureIntent(intent, {});
      },
      refundElsewhere: (orderId: string, amount?: number) => {
        const intent = [...intents.values()].find(({ metadata }) => metadata.orderId === orderId);
        createRefund({ payment_intent: intent?.id ?? '', ...(amount === undefined ? {} : { amount: String(amount) }) });
      },
    },
  };
}

function methodOf(form: Form): Method {
  const method = METHODS[form.payment_method ?? ''];
  if (method === undefined) throw missing('payment_method');
  if (method.customer !== form.customer) throw invalid('payment_method_unexpected_state', 'payment_method');
  return method;
}

function expectStatus(intent: Intent, allowed: readonly Status[]): void {
  if (allowed.includes(intent.status)) return;
  throw new ApiError(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    payment_intent: structuredClone(intent),
  });
}

/** A request that fails validation is not saved under its key. */
function invalid(code: string | undefined, param?: string): ApiError {
  return new ApiError(400, { type: 'invalid_request_error', code, param }, false);
}

function missing(param: string): ApiError {
  return new ApiError(404, { type: 'invalid_request_error', code: 'resource_missing', param }, false);
}

function metadataOf(form: Form): Metadata {
  const entries = Object.entries(form).map(([name, value]) => [/^metadata\[(\w+)\]$/.exec(name)?.[1], value] as const);
  return Object.fromEntries(entries.filter(([name]) => name !== undefined));
}

function idOf(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

/** A route has the form `POST /cancel`: the method and the end of the path. */
function matches(route: string, request: IncomingMessage, { pathname }: URL): boolean {
  const [method = '', end = ''] = route.split(' ');
  return request.method === method && pathname.endsWith(end);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': idOf('req') });
  response.end(JSON.stringify(body));
}
