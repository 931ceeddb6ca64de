import { isUtf8 } from 'node:buffer';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { requireModestJson } from './json-bounds.ts';
import { ProblemError } from './problem.ts';

/** Of a body over the limit, so much is read on and thrown away, so that its connection lives on. */
const DRAINED_MAX_BYTES = 8 * 1024 * 1024;

/** Of these the platform gives no body, whatever was sent. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The answer to a body over the limit. */
export function tooLarge(maxBytes: number, headers: Readonly<Record<string, string>> = {}): ProblemError {
  return new ProblemError('payload_too_large', `the body has more than ${maxBytes} bytes`, { headers });
}

/**
 * Reads the whole body of a request; resolves when its last byte is there. A body of announced length is read in one go:
 * the HTTP parser holds it to its length.
 * @throws {ProblemError} `payload_too_large`, `bad_request`.
 */
export async function readBody(c: Context<ApiEnv>, maxBytes: number): Promise<Buffer> {
  const announced = c.req.header('content-length');
  // Nothing has touched the body then, so the server can drain it by itself.
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (announced === undefined && c.req.header('transfer-encoding') === undefined) return Buffer.alloc(0);
  try {
    return announced === undefined
      ? await readChunks(c.req.raw.body, maxBytes)
      : Buffer.from(await c.req.arrayBuffer());
  } catch (error) {
    throw error instanceof ProblemError ? error : new ProblemError('bad_request', 'the body ended early');
  }
}

/** A body that goes on for longer than is drained takes its connection with it, and is told so. */
async function readChunks(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes + DRAINED_MAX_BYTES) throw tooLarge(maxBytes, { Connection: 'close' });
    if (length <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (length > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks);
}

/**
 * Reads the body before anything else does. Refuses one that would be read as something else than what was sent: JSON is
 * UTF-8, and the lenient decoder of the platform turns other bytes into U+FFFD, so that two different bodies become one.
 */
export function readPlainBody(maxBytesOf: (c: Context<ApiEnv>) => number) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const coding = c.req.header('content-encoding') ?? 'identity';
    if (coding.toLowerCase() !== 'identity') {
      throw new ProblemError('unsupported_media_type', 'the body must not be compressed');
    }
    if (!BODILESS.has(c.req.method)) {
      const body = await readBody(c, maxBytesOf(c));
      if (!isUtf8(body)) throw new ProblemError('malformed_json', 'the body is not UTF-8');
      requireModestJson(body);
      // What reads it later finds it here; the framework keeps promises, whatever the type of the field says.
      if (c.req.bodyCache.arrayBuffer === undefined) {
        Object.assign(c.req.bodyCache, { arrayBuffer: Promise.resolve(new Uint8Array(body).buffer) });
      }
    }
    await next();
  });
}
