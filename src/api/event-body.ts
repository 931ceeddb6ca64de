import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Context } from 'hono';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';
import { tooLarge } from './request-body.ts';

/** 500 events of 4 KiB. */
const EVENT_BODY_MAX_BYTES = 2 * 1024 * 1024;

/** What a compressed body may become: twice the plain limit, which still is a bound on memory. */
const EVENT_BODY_MAX_DECOMPRESSED_BYTES = 4 * 1024 * 1024;

/** How events may be sent, by media type. */
export const EVENT_FORMATS = {
  'application/json': 'simple',
  'application/cloudevents+json': 'structured',
  'application/cloudevents-batch+json': 'batch',
} as const;
export type EventFormat = (typeof EVENT_FORMATS)[keyof typeof EVENT_FORMATS];

/** A body of events, parsed once and not yet checked. */
export interface EventBody {
  readonly format: EventFormat;
  readonly json: unknown;
  /** Of the JSON, after decompression. */
  readonly bytes: number;
  /** Whether a string of it may hold NUL or half a surrogate pair: these can only be written as escapes. */
  readonly hasOddEscapes: boolean;
}

const FORMATS_BY_NAME = new Map<string, EventFormat>(Object.entries(EVENT_FORMATS));

const ODD_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/**
 * Reads the body of a request with events.
 * @throws {ProblemError} `unsupported_media_type`, `payload_too_large`, `malformed_json`, `bad_request`.
 */
export async function readEventBody(c: Context<ApiEnv>): Promise<EventBody> {
  if (c.req.header('ce-specversion') !== undefined) {
    throw new ProblemError(
      'unsupported_media_type',
      'CloudEvents are taken in structured and batched mode, not in binary',
    );
  }
  const format = formatOf(c.req.header('content-type'));
  const isCompressed = codingOf(c.req.header('content-encoding')) === 'gzip';
  const sent = await readBytes(c);
  const bytes = isCompressed ? await decompress(sent) : sent;
  if (!isUtf8(bytes)) throw new ProblemError('malformed_json', 'the body is not UTF-8');
  const text = bytes.toString('utf8');
  return { format, json: parse(text), bytes: bytes.byteLength, hasOddEscapes: ODD_ESCAPE.test(text) };
}

function formatOf(contentType = ''): EventFormat {
  const [mediaType = ''] = contentType.split(';', 1);
  const format = FORMATS_BY_NAME.get(mediaType.trim().toLowerCase());
  if (format !== undefined) return format;
  throw new ProblemError('unsupported_media_type', `the body must be one of ${Object.keys(EVENT_FORMATS).join(', ')}`);
}

function codingOf(contentEncoding = 'identity'): 'identity' | 'gzip' {
  const coding = contentEncoding.trim().toLowerCase();
  if (coding === 'identity' || coding === 'gzip') return coding;
  throw new ProblemError('unsupported_media_type', 'the body may be compressed with gzip only');
}

/** A body of announced length is read in one go: the HTTP parser holds it to its length. */
async function readBytes(c: Context<ApiEnv>): Promise<Buffer> {
  const announced = c.req.header('content-length');
  if (Number(announced ?? 0) > EVENT_BODY_MAX_BYTES) throw tooLarge(EVENT_BODY_MAX_BYTES);
  try {
    return announced === undefined ? await readChunks(c.req.raw.body) : Buffer.from(await c.req.arrayBuffer());
  } catch (error) {
    throw error instanceof ProblemError ? error : new ProblemError('bad_request', 'the body ended early');
  }
}

async function readChunks(body: ReadableStream<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > EVENT_BODY_MAX_BYTES) throw tooLarge(EVENT_BODY_MAX_BYTES);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const inflate = promisify(gunzip);

async function decompress(compressed: Buffer): Promise<Buffer> {
  try {
    return await inflate(compressed, { maxOutputLength: EVENT_BODY_MAX_DECOMPRESSED_BYTES });
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(EVENT_BODY_MAX_DECOMPRESSED_BYTES);
    }
    throw new ProblemError('malformed_json', 'the body is not gzip, or is cut off');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError('malformed_json', 'the body is not valid JSON');
  }
}
