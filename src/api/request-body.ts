import { isUtf8 } from 'node:buffer';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';

/** The answer to a body over the limit. */
export function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError('payload_too_large', `the body has more than ${maxBytes} bytes`);
}

/**
 * Refuses a body by the length that its head announces. Nothing has touched the body then, so the server can drain
 * it and the connection lives on; a body that was begun cannot be drained, and its connection is cut a little later.
 */
export function limitAnnouncedLength(maxBytes: number) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (Number(c.req.header('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
    await next();
  });
}

/**
 * Refuses bodies that would be read as something else than what was sent: JSON is UTF-8, and the lenient decoder of
 * the platform turns other bytes into U+FFFD, so that two different bodies become one. Needs a limit before it.
 */
export function requirePlainUtf8() {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const coding = c.req.header('content-encoding') ?? 'identity';
    if (coding.toLowerCase() !== 'identity') {
      throw new ProblemError('unsupported_media_type', 'the body must not be compressed');
    }
    if (c.req.raw.body !== null && !isUtf8(await readBody(c.req))) {
      throw new ProblemError('malformed_json', 'the body is not UTF-8');
    }
    await next();
  });
}

function readBody(request: { arrayBuffer(): Promise<ArrayBuffer> }): Promise<ArrayBuffer> {
  return request.arrayBuffer().catch(() => {
    throw new ProblemError('bad_request', 'the body ended early');
  });
}
