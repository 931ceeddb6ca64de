import { z } from 'zod';

/** Visible ASCII without blanks: long enough for any client's scheme, and safe in a URL, a header and a log line. */
const KEY = /^[\x21-\x7e]{1,255}$/;

const orderId = z.string().min(1).max(255);
/** `z.int()` refuses fractions and numbers beyond 2^53. */
const amountMinor = z.int().positive();
const currency = z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code');

const chargeBodySchema = z.object({
  orderId,
  kind: z.enum(['sale', 'authorize']),
  amountMinor,
  currency,
  method: z.string().min(1).max(255),
});
const movementBodySchema = z.object({ orderId, amountMinor, currency });
const externalBodySchema = z.object({ amountMinor: amountMinor.optional() });
const voidBodySchema = z.object({ orderId, currency: currency.optional() });

/** A sale or an authorization asked for under an idempotency key. */
export type ChargeRequest = Readonly<z.infer<typeof chargeBodySchema>> & { readonly key: string };

/** A capture or a refund of the charge `target`. */
export type MovementRequest = Readonly<z.infer<typeof movementBodySchema>> & {
  readonly kind: 'capture' | 'refund';
  readonly key: string;
  readonly target: string;
};

/**
 * A capture or a refund that a person makes at the provider itself; without an amount it is everything that is left.
 */
export interface ExternalRequest {
  readonly kind: 'capture' | 'refund';
  readonly target: string;
  readonly amountMinor: number | undefined;
}

/** A void of the request that has arrived, or may yet arrive, under the key `target`. */
export type VoidRequest = Readonly<z.infer<typeof voidBodySchema>> & {
  readonly kind: 'void';
  readonly key: string;
  readonly target: string;
};

/** Everything that can move money or forbid it. */
export type EffectRequest = ChargeRequest | MovementRequest | VoidRequest;

/** The request cannot be understood: answered 400 `invalid_request`, nothing was looked at. */
export class InvalidRequestError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidRequestError';
  }
}

/** Throws `InvalidRequestError`. */
export function parseChargeRequest(key: string | undefined, body: string): ChargeRequest {
  return { key: parseKey(key, 'Idempotency-Key'), ...parseBody(chargeBodySchema, body) };
}

/** Throws `InvalidRequestError`. */
export function parseMovementRequest(
  kind: MovementRequest['kind'],
  { key, target }: { readonly key: string | undefined; readonly target: string },
  body: string,
): MovementRequest {
  return { kind, ...parseKeys(key, target), ...parseBody(movementBodySchema, body) };
}

/** Throws `InvalidRequestError`. */
export function parseVoidRequest(key: string | undefined, target: string, body: string): VoidRequest {
  return { kind: 'void', ...parseKeys(key, target), ...parseBody(voidBodySchema, body) };
}

/** Throws `InvalidRequestError`. */
export function parseExternalRequest(kind: ExternalRequest['kind'], target: string, body: string): ExternalRequest {
  const { amountMinor: asked } = parseBody(externalBodySchema, body);
  return { kind, target: parseKey(target, 'the key in the path'), amountMinor: asked };
}

/** Any JSON value; throws `InvalidRequestError`. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new InvalidRequestError('the body is not JSON');
  }
}

function parseKeys(key: string | undefined, target: string): { key: string; target: string } {
  const keys = { key: parseKey(key, 'Idempotency-Key'), target: parseKey(target, 'the key in the path') };
  // One key names one effect: a void under its target's own key would look the same as the payment that it forbids.
  if (keys.key === keys.target) throw new InvalidRequestError('Idempotency-Key must differ from the key in the path');
  return keys;
}

function parseKey(key: string | undefined, where: string): string {
  if (key === undefined || !KEY.test(key)) {
    throw new InvalidRequestError(`${where} must be 1 to 255 visible ASCII characters`);
  }
  return key;
}

function parseBody<T>(schema: z.ZodType<T>, body: string): T {
  const parsed = schema.safeParse(parseJson(body));
  if (!parsed.success) throw new InvalidRequestError(z.prettifyError(parsed.error));
  return parsed.data;
}
