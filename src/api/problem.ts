import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Every answer that is not a success: stable code, HTTP status, and what a client should do about it. */
export const PROBLEMS = {
  bad_request: { status: 400, title: 'Bad request', advice: 'The HTTP request itself is malformed; fix the client.' },
  malformed_json: { status: 400, title: 'Malformed JSON', advice: 'Send a body that is valid JSON.' },
  idempotency_key_missing: {
    status: 400,
    title: 'Idempotency-Key is missing',
    advice: 'Send a key of your own per business action, and the same one when you repeat it.',
  },
  idempotency_key_malformed: {
    status: 400,
    title: 'Idempotency-Key is malformed',
    advice: 'Use 8 to 255 characters of A-Z a-z 0-9 _ . : -',
  },
  unauthorized: { status: 401, title: 'Unauthorized', advice: 'Send a valid, unexpired bearer token.' },
  forbidden: { status: 403, title: 'Forbidden', advice: 'Use a token with the scope that `detail` names.' },
  not_found: {
    status: 404,
    title: 'Not found',
    advice: 'Check the address and the id; other tenants’ things are not found either.',
  },
  method_not_allowed: { status: 405, title: 'Method not allowed', advice: 'See the `Allow` header.' },
  stock_below_reserved: {
    status: 409,
    title: 'Stock would fall below what is reserved',
    advice: 'Take fewer pieces, or wait until the open orders that hold them have ended.',
  },
  payload_too_large: { status: 413, title: 'Payload too large', advice: 'Send at most 64 KiB.' },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    advice: 'Send `Content-Type: application/json`.',
  },
  validation_failed: { status: 422, title: 'Validation failed', advice: 'Each entry of `errors` points at one field.' },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key was used for another request',
    advice: 'A key belongs to one body for ever: use a fresh key for a new action.',
  },
  rate_limited: { status: 429, title: 'Too many requests', advice: 'Wait as long as `Retry-After` says.' },
  headers_too_large: { status: 431, title: 'Request headers too large', advice: 'Send at most 16 KiB of headers.' },
  internal_error: {
    status: 500,
    title: 'Internal error',
    advice: 'Repeat with the same key; report `requestId` if it stays.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    advice: 'Repeat with the same Idempotency-Key after `Retry-After`: it cannot make a second order.',
  },
} as const satisfies Record<string, { status: ContentfulStatusCode; title: string; advice: string }>;

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
  constructor(
    code: ProblemCode,
    detail: string,
    extra: { readonly errors?: readonly FieldError[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.errors = extra.errors ?? [];
    this.headers = extra.headers ?? {};
  }
}

/** 503 with `Retry-After` in seconds, spread so that clients do not come back in the same moment. */
export function unavailable(detail: string, retryAfterSeconds = 1 + Math.floor(Math.random() * 2)): ProblemError {
  return new ProblemError('unavailable', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
}

/** RFC 9457 body; also used where there is no Hono context. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  requestId: string,
  errors: readonly FieldError[] = [],
): string {
  const { status, title } = PROBLEMS[code];
  return JSON.stringify({ type: `urn:order-saga:problem:${code}`, title, status, detail, code, requestId, errors });
}

/** Answers with a problem. */
export function problemResponse(c: Context, problem: ProblemError): Response {
  return c.body(
    problemBody(problem.code, problem.detail, c.get('requestId') ?? '', problem.errors),
    PROBLEMS[problem.code].status,
    {
      ...problem.headers,
      'Content-Type': 'application/problem+json',
    },
  );
}
