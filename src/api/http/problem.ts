import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Every answer that is not a success: stable code, HTTP status, why it is given, and what a client should do about it. */
export const PROBLEMS = {
  bad_request: {
    status: 400,
    title: 'Bad request',
    cause: 'The request line, a header or the end of the body is not HTTP, or names no address.',
    advice: 'Fix the client.',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    cause: 'The body is no JSON, or is not in UTF-8.',
    advice: 'Send a body that is valid JSON.',
  },
  idempotency_key_missing: {
    status: 400,
    title: 'Idempotency-Key is missing',
    cause: 'A request that creates or moves something came without the header.',
    advice: 'Send a key of your own per business action, and the same one when you repeat it.',
  },
  idempotency_key_malformed: {
    status: 400,
    title: 'Idempotency-Key is malformed',
    cause: 'The key is too short, too long, has other characters, or is the number of a payment card.',
    advice: 'Use 8 to 255 characters of A-Z a-z 0-9 _ . : -',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    cause:
      'There is no bearer token, or it is forged, expired, valid for too long, or of another issuer, audience or type.',
    advice: 'Send a valid, unexpired bearer token. `detail` says what is wrong with one whose signature is good.',
  },
  webhook_signature_refused: {
    status: 401,
    title: 'Webhook signature refused',
    cause: 'The signature of a payment provider’s webhook is missing, does not match the body, or is too old.',
    advice: 'Compare the secret of the endpoint at the provider with the one configured here, and the clocks.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    cause: 'The token is valid but grants other scopes.',
    advice: 'Use a token with the scope that `detail` names.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    cause: 'There is no such address, or the tenant has no such thing.',
    advice: 'Check the address and the id; other tenants’ things are not found either.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    cause: 'The address exists, but not for this method.',
    advice: 'See the `Allow` header.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    cause: 'The headers did not arrive within 10 s, or the whole request within 15 s.',
    advice: 'Send the request at once, on another connection.',
  },
  stock_below_reserved: {
    status: 409,
    title: 'Stock would fall below what is reserved',
    cause: 'The adjustment would take pieces that open orders hold.',
    advice: 'Take fewer pieces, or wait until the open orders that hold them have ended.',
  },
  stock_above_maximum: {
    status: 409,
    title: 'Stock would rise above the maximum',
    cause: 'The adjustment would give a SKU more than 1,000,000,000,000,000 pieces.',
    advice: 'Add fewer pieces; read the figures first, one of them may be a slip.',
  },
  stock_below_zero: {
    status: 409,
    title: 'Stock would fall below zero',
    cause: 'The adjustment would take more pieces than are on hand.',
    advice: 'Take fewer pieces; read the figures first.',
  },
  too_late: {
    status: 409,
    title: 'Too late',
    cause: 'The order’s status does not allow this any more: its cancel window is over, or it has ended.',
    advice: 'Read the order. A sold order can still be refunded (`POST /v1/orders/{id}/refunds`).',
  },
  message_under_way: {
    status: 409,
    title: 'The message is still being sent',
    cause: 'The message was neither delivered nor given up yet.',
    advice: 'Wait: it is tried for 24 hours. Then repeat with the same key.',
  },
  order_busy: {
    status: 409,
    title: 'Another command is under way',
    cause:
      'One command at a time moves the money of an order: a capture, a refund, a cancel or the payment itself does now.',
    advice:
      'Repeat with the same key after `Retry-After`. Where it stays, `GET /v1/orders/{id}/explain` says what it waits for.',
  },
  order_stopped: {
    status: 409,
    title: 'Nothing carries the order any more',
    cause: 'The workflow of the order was ended by hand before its end.',
    advice: 'An operator runs `npm run orders -- repair`. Then read the order.',
  },
  not_captured: {
    status: 409,
    title: 'Nothing was captured yet',
    cause: 'The payment of the order is only authorized, so there is nothing to refund.',
    advice: 'Cancel the order to give the authorization back, or capture it first.',
  },
  capture_not_supported: {
    status: 409,
    title: 'There is no capture to make',
    cause: 'The order is captured automatically, or its provider captures an authorization only once and has done so.',
    advice: 'Read the order: `payment` says what was captured. Take more money with a new order.',
  },
  case_stale: {
    status: 409,
    title: 'The case has changed',
    cause:
      'Somebody else acted on the case, a decision about it is on its way, it is resolved, or its workflow is gone.',
    advice: 'Read the case again and decide by its present `version`.',
  },
  second_approver_required: {
    status: 409,
    title: 'A second person must approve',
    cause: 'A resolution by evidence was proposed by the same person, or with other evidence.',
    advice:
      'Let another operator send the same evidence. If it is wrong, send the right one as the person who proposed it, or `withdraw`.',
  },
  webhook_disabled: {
    status: 409,
    title: 'The webhook is disabled',
    cause: 'Its receiver answered 410 or failed for days, so nothing is sent to it.',
    advice: 'Mend the receiver, then `POST /v1/webhooks/{id}/enable`.',
  },
  too_many_webhooks: {
    status: 409,
    title: 'Too many webhooks',
    cause: 'The tenant has as many webhooks as it may.',
    advice: 'Delete one that is not needed.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    cause: 'The body is over the limit.',
    advice: 'Send at most 64 KiB; of events 2 MiB, and 4 MiB after decompression. Send fewer events at once.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    cause: 'The body is not declared as JSON, or is compressed where that is not allowed.',
    advice: 'Send `Content-Type: application/json` and no `Content-Encoding`; events may come as CloudEvents and gzip.',
  },
  validation_failed: {
    status: 422,
    title: 'Validation failed',
    cause: 'A field of the body or of the query does not match the contract, or is not known.',
    advice: 'Each entry of `errors` points at one field.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key was used for another request',
    cause: 'The key came before with another body.',
    advice: 'A key belongs to one body for ever: use a fresh key for a new action.',
  },
  amount_exceeds_authorized: {
    status: 422,
    title: 'More than what is authorized',
    cause: 'The capture asks for more than is left of the authorization.',
    advice: 'Capture less, or leave `amountMinor` out to capture what is left.',
  },
  amount_exceeds_captured: {
    status: 422,
    title: 'More than what was taken',
    cause: 'The refund asks for more than was captured and not yet refunded.',
    advice: 'Refund less, or leave `amountMinor` out to refund what is left.',
  },
  amount_not_chargeable: {
    status: 422,
    title: 'The provider cannot move this amount',
    cause:
      'The payment provider takes no such amount: it is too small, too large or too fine, or the currency is not taken.',
    advice: 'Ask for another amount; `detail` says what is wrong with this one.',
  },
  action_not_allowed: {
    status: 422,
    title: 'This cannot be done about the case',
    cause: 'The step of the case does not know the action, or the patch is not one of its fields.',
    advice: 'See `actions` of the case.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    cause: 'The tenant, or the network of callers without a valid token, has used up its requests of this window.',
    advice: 'Wait as long as `Retry-After` says.',
  },
  resent_too_often: {
    status: 429,
    title: 'The message was sent again too often',
    cause: 'The customer got as many copies of the message as one may in 24 hours.',
    advice: 'Wait as long as `Retry-After` says, or find out why the copies do not arrive.',
  },
  headers_too_large: {
    status: 431,
    title: 'Request headers too large',
    cause: 'Request line and headers are over the limit.',
    advice: 'Send at most 16 KiB of headers.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    cause: 'A bug, or a database schema that does not fit the code.',
    advice: 'Repeat with the same key; report `requestId` if it stays.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    cause: 'Temporal or PostgreSQL does not answer, or too much is under way.',
    advice:
      'Repeat with the same Idempotency-Key, events with the same ids, after `Retry-After`: nothing happens twice.',
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

/** Thrown anywhere below a route to answer with a problem. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;
  /** What the code alone does not say, for metrics and logs; null where nothing is. */
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

/** 404: the tenant has none of this name or id, or nobody has. */
export function notFound(what: string): ProblemError {
  return new ProblemError('not_found', `there is no such ${what}`);
}

/** 503 with `Retry-After` in seconds, spread so that clients do not come back in the same moment. */
export function unavailable(detail: string, retryAfterSeconds = 1 + Math.floor(Math.random() * 2)): ProblemError {
  return new ProblemError('unavailable', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
}

/** 409 with `Retry-After` in seconds: what owns the order mostly takes less. */
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
