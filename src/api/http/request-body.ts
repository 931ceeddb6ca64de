import { isUtf8 } from 'node:buffer';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './context.ts';
import { requireModestJson } from './json-bounds.ts';
import { ProblemError } from './problem.ts';

/** Bytes of a body over the limit that are read and thrown away, so that its connection stays usable. */
const DRAINED_MAX_BYTES = 8 * 1024 * 1024;

/**
 * Pieces that a body of unknown length may come in; each costs as much as some KiB of text. Clients write whole
 * buffers, and networks cut them at 1,400 bytes.
 */
const PIECES_MIN = 1_000;
const BYTES_PER_PIECE = 512;

/** The platform gives no body for requests of these methods, even if one was sent. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The answer to a body over the limit. */
export function tooLarge(maxBytes: number, headers: Readonly<Record<string, string>> = {}): ProblemError {
  return new ProblemError('payload_too_large', `the body has more than ${maxBytes} bytes`, { headers });
}

/**
 * Reads the whole body of a request; resolves when its last byte has arrived. A body of announced length is read in one
 * go, because the HTTP parser holds it to its length.
 * @throws {ProblemError} `payload_too_large`, `bad_request`.
 */
export async function readBody(c: Context<ApiEnv>, maxBytes: number): Promise<Buffer> {
  const announced = c.req.header('content-length');
  // No code has touched the body yet, so the server can drain it by itself.
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

/** A body that is longer than the drained part ends its connection, and the answer says so. */
async function readChunks(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let [length, pieces] = [0, 0];
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    pieces += 1;
    if (pieces > PIECES_MIN + length / BYTES_PER_PIECE) throw inCrumbs();
    if (length > maxBytes + DRAINED_MAX_BYTES) throw tooLarge(maxBytes, { Connection: 'close' });
    if (length <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (length > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(chunks);
}

/** The rest of the body is not read: the connection ends. */
function inCrumbs(): ProblemError {
  return new ProblemError('bad_request', 'the body comes in too many small pieces', {
    headers: { Connection: 'close' },
  });
}

/**
 * Reads the body before any other code does, and refuses bodies that are not UTF-8. JSON is UTF-8, and the lenient
 * decoder of the platform turns other bytes into U+FFFD, so that two different bodies would become the same.
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
      // Later readers find the body here; the framework stores promises, although the type of the field differs.
      if (c.req.bodyCache.arrayBuffer === undefined) {
        Object.assign(c.req.bodyCache, { arrayBuffer: Promise.resolve(new Uint8Array(body).buffer) });
      }
    }
    await next();
  });
}
