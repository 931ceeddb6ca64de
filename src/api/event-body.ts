import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Context } from 'hono';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';
import { requireModestJson } from './json-bounds.ts';
import { readBody, tooLarge } from './request-body.ts';

/** 500 events of 4 KiB. */
const EVENT_BODY_MAX_BYTES = 2 * 1024 * 1024;

/** What a compressed body may become: twice the plain limit, which still is a bound on memory. */
const EVENT_BODY_MAX_DECOMPRESSED_BYTES = 4 * 1024 * 1024;

/** Real events become a tenth or a thirtieth; what is compressed better than this was made to be dear to read. */
const COMPRESSION_RATIO_MAX = 100;

/** What becomes no larger than this is harmless, however small it was. */
const SMALL_BODY_BYTES = 256 * 1024;

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
  /** Whether a card number may be in it. */
  readonly mayHoldCardNumber: boolean;
}

const FORMATS_BY_NAME = new Map<string, EventFormat>(Object.entries(EVENT_FORMATS));

/** Thirteen digits, with at most a blank or hyphen between them; digits may also be written as escapes. */
const CARD_HINT = /(?:\d[ \u00a0-]?){13}|\\u00(?:3\d|20|2d|a0)/i;

const ODD_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/** A body of events as it came, and how it is to be read. */
export interface SentEvents {
  readonly format: EventFormat;
  readonly isCompressed: boolean;
  readonly sent: Buffer;
}

/**
 * Reads the body of a request with events; resolves when its last byte is there.
 * @throws {ProblemError} `unsupported_media_type`, `payload_too_large`, `bad_request`.
 */
export async function receiveEvents(c: Context<ApiEnv>): Promise<SentEvents> {
  if (c.req.header('ce-specversion') !== undefined) {
    throw new ProblemError(
      'unsupported_media_type',
      'CloudEvents are taken in structured and batched mode, not in binary',
    );
  }
  const format = formatOf(c.req.header('content-type'));
  const isCompressed = codingOf(c.req.header('content-encoding')) === 'gzip';
  return { format, isCompressed, sent: await readBody(c, EVENT_BODY_MAX_BYTES) };
}

/** The JSON of a body, decompressed. @throws {ProblemError} `payload_too_large`, `malformed_json`. */
export async function decompressEvents({ isCompressed, sent }: SentEvents): Promise<Buffer> {
  const bytes = isCompressed ? await decompress(sent) : sent;
  if (!isUtf8(bytes)) throw new ProblemError('malformed_json', 'the body is not UTF-8');
  return bytes;
}

/** Parses a body. @throws {ProblemError} `malformed_json`, and `validation_failed` for what would take too long to read. */
export function parseEvents(format: EventFormat, bytes: Buffer): EventBody {
  requireModestJson(bytes);
  const text = bytes.toString('utf8');
  return {
    format,
    json: parse(text),
    bytes: bytes.byteLength,
    hasOddEscapes: ODD_ESCAPE.test(text),
    mayHoldCardNumber: CARD_HINT.test(text),
  };
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

const inflate = promisify(gunzip);

async function decompress(compressed: Buffer): Promise<Buffer> {
  const inflatedMax = Math.max(SMALL_BODY_BYTES, compressed.byteLength * COMPRESSION_RATIO_MAX);
  const maxOutputLength = Math.min(EVENT_BODY_MAX_DECOMPRESSED_BYTES, inflatedMax);
  try {
    return await inflate(compressed, { maxOutputLength });
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(maxOutputLength);
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
