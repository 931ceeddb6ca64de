import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEMS, problemBody, type ProblemError } from './problem.ts';
import { correlationIdOf } from './request-context.ts';

/**
 * What is wrong with the head of a request that Node's parser accepts; null when nothing is. It is checked before
 * anything else: a second Host, or a coding that only some servers know, would let two servers read one request as two.
 */
export function problemOfHead({ headers, rawHeaders, httpVersion }: IncomingMessage): string | null {
  const { host, 'transfer-encoding': coding } = headers;
  // Another version means another protocol, or another server behind this one.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'only HTTP/1.0 and HTTP/1.1 are spoken here';
  if (host === undefined) {
    // HTTP/1.0 health checks do not send it.
    if (httpVersion !== '1.0') return 'the Host header is missing';
  } else if (!URL.canParse(`http://${host}/`)) {
    return 'the Host header names no host';
  }
  if (timesSent(rawHeaders, 'host') > 1) return 'there is more than one Host header';
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return 'the only Transfer-Encoding here is chunked';
  }
  return null;
}

/** Node keeps the first of some headers and drops the others silently. */
function timesSent(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? '';
    if (sent.length === name.length && sent.toLowerCase() === name) times += 1;
  }
  return times;
}

/** Looks at the head of a request; the problem that it would get for certain, or null when it must be read. */
export type RefusalOfHead = (request: IncomingMessage) => ProblemError | null;

/** A request that was refused by its head. */
export interface EarlyRefusal {
  readonly requestId: string;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly status: number;
  readonly errorCode: string;
}

/**
 * Answers a request without reading its body: in an overload most requests are refused, and what a refusal costs is
 * missing for those that are accepted. The connection stays usable; Node throws the body away.
 */
export function refuseEarly(request: IncomingMessage, response: ServerResponse, problem: ProblemError): EarlyRefusal {
  const requestId = randomUUID();
  const { status } = PROBLEMS[problem.code];
  const body = problemBody(problem, requestId);
  response.writeHead(status, {
    ...problem.headers,
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
    'X-Correlation-Id': correlationIdOf(request.headers['x-correlation-id'], requestId),
  });
  response.end(body);
  return { requestId, method: request.method ?? '', path: pathOf(request), status, errorCode: problem.code };
}

/** The path of a request's target, without its query. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
