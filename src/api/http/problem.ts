import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Every answer that is not a success: stable code, HTTP status, why it is given, and what a client should do about it. */
export const PROBLEMS = {
  bad_request: {
    status: 400,
    title: 'Bad request',
    cause: 'The request line, a header or the end of the body is not valid HTTP, or the request has no address.',
    advice: 'Fix the client.',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    cause: 'The body is not valid JSON, or is not in UTF-8.',
    advice: 'Send a body that is valid JSON.',
  },
  idempotency_key_missing: {
    status: 400,
    title: 'Idempotency-Key is missing',
    cause: 'The request creates or changes something and does not have the header.',
    advice: 'Send a new key for each business action, and the same key when you repeat the request.',
  },
  idempotency_key_malformed: {
    status: 400,
    title: 'Idempotency-Key is malformed',
    cause: 'The key is too short or too long, has characters that are not allowed, or is the number of a payment card.',
    advice: 'Use 8 to 255 characters of A-Z a-z 0-9 _ . : -',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    cause: 'The bearer token is missing, forged, expired, valid for too long, or has another issuer, audience or type.',
    advice: 'Send a valid, unexpired bearer token. If the signature is good, `detail` says what else is wrong.',
  },
  webhook_signature_refused: {
    status: 401,
    title: 'Webhook signature refused',
    cause: 'The signature of a payment provider’s webhook is missing, does not match the body, or is too old.',
    advice: 'Compare the endpoint’s secret at the provider with the configured one, and compare the clocks.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    cause: 'The token is valid but does not grant the scope.',
    advice: 'Use a token with the scope that `detail` names.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    cause: 'The address does not exist, or the tenant does not have the requested object.',
    advice: 'Check the address and the id. Objects of other tenants are not found either.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    cause: 'The address does not support this method.',
    advice: 'See the `Allow` header.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    cause: 'The headers did not arrive within 10 s, or the whole request within 15 s.',
    advice: 'Send the whole request without pauses, on another connection.',
  },
  stock_below_reserved: {
    status: 409,
    title: 'Stock would fall below what is reserved',
    cause: 'The adjustment would remove pieces that open orders hold.',
    advice: 'Remove fewer pieces, or wait until the orders that hold them have ended.',
  },
  stock_above_maximum: {
    status: 409,
    title: 'Stock would rise above the maximum',
    cause: 'The adjustment would give a SKU more than 1,000,000,000,000,000 pieces.',
    advice: 'Read the stock figures first, because one of them may be a mistake; then add fewer pieces.',
  },
  stock_below_zero: {
    status: 409,
    title: 'Stock would fall below zero',
    cause: 'The adjustment would remove more pieces than are on hand.',
    advice: 'Read the stock figures first, then remove fewer pieces.',
  },
  too_late: {
    status: 409,
    title: 'Too late',
    cause: 'The order’s status no longer allows this: the cancel window is over, or the order has ended.',
    advice: 'Read the order. A sold order can still be refunded (`POST /v1/orders/{id}/refunds`).',
  },
  message_under_way: {
    status: 409,
    title: 'The message is still being sent',
    cause: 'The message has been neither delivered nor given up yet.',
    advice: 'Wait (the message is tried for up to 24 hours), then repeat with the same key.',
  },
  order_busy: {
    status: 409,
    title: 'Another command is under way',
    cause:
      'Only one command at a time moves the money of an order; now it is a capture, a refund, a cancel or the payment itself.',
    advice:
      'Repeat with the same key after `Retry-After`. If the answer stays, `GET /v1/orders/{id}/explain` says what the order waits for.',
  },
  order_stopped: {
    status: 409,
    title: 'Nothing carries the order any more',
    cause: 'A person terminated the workflow of the order before it had finished.',
    advice: 'An operator runs `npm run orders -- repair`. Then read the order.',
  },
  not_captured: {
    status: 409,
    title: 'Nothing was captured yet',
    cause: 'The payment of the order is only authorized, so there is nothing to refund.',
    advice: 'Cancel the order to give back the authorization, or capture the payment first.',
  },
  capture_not_supported: {
    status: 409,
    title: 'There is no capture to make',
    cause:
      'The order is captured automatically, or its provider captures an authorization only once and has already done so.',
    advice: 'Read the order: `payment` shows the captured amount. To take more money, make a new order.',
  },
  case_stale: {
    status: 409,
    title: 'The case has changed',
    cause:
      'Another person acted on the case, a decision about it is on its way, the case is resolved, or its workflow is gone.',
    advice: 'Read the case again and decide by its present `version`.',
  },
  second_approver_required: {
    status: 409,
    title: 'A second person must approve',
    cause: 'The same person proposed the resolution by evidence, or the evidence differs from the proposal.',
    advice:
      'Another operator must send the same evidence. If the evidence is wrong, the person who proposed it sends the right one, or anybody sends `withdraw`.',
  },
  webhook_disabled: {
    status: 409,
    title: 'The webhook is disabled',
    cause: 'The receiver answered 410 or failed for days, so no more messages are sent to it.',
    advice: 'Fix the receiver, then `POST /v1/webhooks/{id}/enable`.',
  },
  too_many_webhooks: {
    status: 409,
    title: 'Too many webhooks',
    cause: 'The tenant has the largest number of webhooks that is allowed.',
    advice: 'Delete a webhook that is not needed.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    cause: 'The body is larger than the limit.',
    advice:
      'Send at most 64 KiB. For events the limits are 2 MiB, and 4 MiB after decompression: send fewer events at once.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    cause: 'The body is not declared as JSON, or is compressed where that is not allowed.',
    advice:
      'Send `Content-Type: application/json` and no `Content-Encoding`. Events may also be CloudEvents, and may be compressed by gzip.',
  },
  validation_failed: {
    status: 422,
    title: 'Validation failed',
    cause: 'A field of the body or of the query is unknown or does not match the contract.',
    advice: 'Each entry of `errors` points at one field.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key was used for another request',
    cause: 'The key was used before with another body.',
    advice: 'A key belongs to one body for ever. Use a new key for a new action.',
  },
  amount_exceeds_authorized: {
    status: 422,
    title: 'More than what is authorized',
    cause: 'The capture asks for more than is left of the authorization.',
    advice: 'Capture less, or omit `amountMinor` to capture everything that is left.',
  },
  amount_exceeds_captured: {
    status: 422,
    title: 'More than what was taken',
    cause: 'The refund asks for more than was captured and not yet refunded.',
    advice: 'Refund less, or omit `amountMinor` to refund everything that is left.',
  },
  amount_not_chargeable: {
    status: 422,
    title: 'The provider cannot move this amount',
    cause:
      'The amount is too small, too large or too fine for the payment provider, or the provider does not accept the currency.',
    advice: 'Use another amount; `detail` says what is wrong with this one.',
  },
  action_not_allowed: {
    status: 422,
    title: 'This cannot be done about the case',
    cause: 'The case’s step does not offer the action, or does not have the field in the patch.',
    advice: 'See the case’s `actions`.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    cause:
      'The tenant has used up its requests, which come back at its rate, or callers without a valid token have used up those of their network.',
    advice: 'Wait as long as `Retry-After` says.',
  },
  resent_too_often: {
    status: 429,
    title: 'The message was sent again too often',
    cause: 'The customer has got the largest number of copies that is allowed within 24 hours.',
    advice: 'Wait as long as `Retry-After` says, or find out why the copies do not arrive.',
  },
  headers_too_large: {
    status: 431,
    title: 'Request headers too large',
    cause: 'The request line and the headers are larger than the limit.',
    advice: 'Send at most 16 KiB of headers.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    cause: 'The code has a bug, or the database schema does not fit the code.',
    advice: 'Repeat with the same key. If the error stays, report the `requestId`.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    cause: 'Temporal or PostgreSQL does not answer, or too many requests are under way.',
    advice:
      'Repeat after `Retry-After` with the same Idempotency-Key, and events with the same ids: nothing happens twice.',
  },
} as const satisfies Record<string, { status: ContentfulStatusCode; title: string; cause: string; advice: string }>;

/** Stable machine-readable code of a problem. */
export type ProblemCode = keyof typeof PROBLEMS;

/** One field that is wrong. */
export interface FieldError {
  /** JSON pointer into the body, or `#/query/name`, `#/header/name`. */
  readonly pointer: string;
  readonly detail: string;
}

/** Thrown below a route to answer with a problem. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;
  /** Facts beyond the code, for metrics and logs; null where there are none. */
  readonly reason: string | null;
  constructor(
    code: ProblemCode,
    detail: string,
    extra: {
      readonly errors?: readonly FieldError[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly reason?: string;
    } = {},
  ) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.errors = extra.errors ?? [];
    this.headers = extra.headers ?? {};
    this.reason = extra.reason ?? null;
  }
}

/** 404: the tenant, or every tenant, lacks an object with this name or id. */
export function notFound(what: string): ProblemError {
  return new ProblemError('not_found', `there is no such ${what}`);
}

/** 503 with `Retry-After` in seconds, spread so that clients do not come back in the same moment. */
export function unavailable(detail: string, retryAfterSeconds = 1 + Math.floor(Math.random() * 2)): ProblemError {
  return new ProblemError('unavailable', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
}

/** 409 with `Retry-After` in seconds; the owner of an order usually takes less time. */
export function orderBusy(detail: string): ProblemError {
  return new ProblemError('order_busy', detail, { headers: { 'Retry-After': '1' } });
}

type ProblemFacts = Pick<ProblemError, 'code' | 'detail'> & Partial<Pick<ProblemError, 'errors'>>;

/** RFC 9457 body; also used where there is no Hono context. */
export function problemBody({ code, detail, errors = [] }: ProblemFacts, requestId: string): string {
  const { status, title } = PROBLEMS[code];
  return JSON.stringify({ type: `urn:order-saga:problem:${code}`, title, status, detail, code, requestId, errors });
}

/** Answers with a problem. */
export function problemResponse(c: Context, problem: ProblemError): Response {
  return c.body(problemBody(problem, c.get('requestId') ?? ''), PROBLEMS[problem.code].status, {
    ...problem.headers,
    'Content-Type': 'application/problem+json',
  });
}
