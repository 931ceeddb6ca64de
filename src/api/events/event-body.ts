import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Context } from 'hono';
import { binaryAttributes, toJsonFormat } from './binary-cloud-event.ts';
import type { ApiEnv } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { requireModestJson } from '../http/json-bounds.ts';
import { readBody, tooLarge } from '../http/request-body.ts';

/** 500 events of 4 KiB. */
const EVENT_BODY_MAX_BYTES = 2 * 1024 * 1024;

/** Limit of a decompressed body: twice the plain limit, so that memory stays bounded. */
const EVENT_BODY_MAX_DECOMPRESSED_BYTES = 4 * 1024 * 1024;

/**
 * Real events shrink to a tenth or a thirtieth; a body that shrinks more than this was made to be expensive to read.
 */
const COMPRESSION_RATIO_MAX = 100;

/** A body that decompresses to no more than this is harmless at any ratio. */
const SMALL_BODY_BYTES = 256 * 1024;

/** The ways to send events, by media type. */
export const EVENT_FORMATS = {
  'application/json': 'simple',
  'application/cloudevents+json': 'structured',
  'application/cloudevents-batch+json': 'batch',
} as const;
export type EventFormat = (typeof EVENT_FORMATS)[keyof typeof EVENT_FORMATS] | 'binary';

/** A body of events, parsed once and not yet checked. */
export interface EventBody {
  readonly format: EventFormat;
  readonly json: unknown;
  /** Size of the JSON after decompression. */
  readonly bytes: number;
  /** Whether a string may contain NUL or half a surrogate pair, which can only be written as escapes. */
  readonly hasOddEscapes: boolean;
  /** Whether the body may contain a card number. */
  readonly mayHoldCardNumber: boolean;
}

const FORMATS_BY_NAME = new Map<string, EventFormat>(Object.entries(EVENT_FORMATS));

/** Thirteen digits, with at most a blank or hyphen between them; digits may also be written as escapes. */
const CARD_HINT = /(?:\d[ \u00a0-]?){13}|\\u00(?:3\d|20|2d|a0)/i;

const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?(?:utf-8|us-ascii)"?\s*(?:;|$))/i;

const ODD_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/** A body of events as it arrived, and how to read it. */
export interface SentEvents {
  readonly format: EventFormat;
  readonly isCompressed: boolean;
  readonly sent: Buffer;
  /** The attributes of a CloudEvent in binary mode; empty otherwise. */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * Reads the body of a request with events; resolves when its last byte has arrived.
 * @throws {ProblemError} `unsupported_media_type`, `payload_too_large`, `bad_request`.
 */
export async function receiveEvents(c: Context<ApiEnv>): Promise<SentEvents> {
  const headers = c.req.header();
  const format = formatOf(headers);
  const attributes = format === 'binary' ? binaryAttributes(headers) : {};
  const isCompressed = codingOf(c.req.header('content-encoding')) === 'gzip';
  return { format, isCompressed, sent: await readBody(c, EVENT_BODY_MAX_BYTES), attributes };
}

/**
 * Decompresses a body; JSON must be UTF-8.
 * @throws {ProblemError} `payload_too_large`, `malformed_json`.
 */
export async function decompressEvents({ format, isCompressed, sent }: SentEvents): Promise<Buffer> {
  const bytes = isCompressed ? await decompress(sent) : sent;
  if (format !== 'binary' && !isUtf8(bytes)) throw new ProblemError('malformed_json', 'the body is not UTF-8');
  return bytes;
}

/**
 * Parses a body.
 * @throws {ProblemError} `malformed_json`, and `validation_failed` for a body that would take too long to read.
 */
export function parseEvents({ format, attributes }: SentEvents, bytes: Buffer): EventBody {
  requireModestJson(bytes);
  if (format === 'binary') {
    const json = toJsonFormat(attributes, bytes);
    return { format, json, bytes: bytes.byteLength, hasOddEscapes: true, mayHoldCardNumber: true };
  }
  const text = bytes.toString('utf8');
  return {
    format,
    json: parse(text),
    bytes: bytes.byteLength,
    hasOddEscapes: ODD_ESCAPE.test(text),
    mayHoldCardNumber: CARD_HINT.test(text),
  };
}

/** The media type decides the mode. If it is not one of CloudEvents, the headers of binary mode decide. */
function formatOf(headers: Readonly<Record<string, string>>): EventFormat {
  const contentType = headers['content-type'] ?? '';
  const [mediaType = ''] = contentType.split(';', 1);
  const name = mediaType.trim().toLowerCase();
  const format = FORMATS_BY_NAME.get(name);
  const isCloudEvents = name.startsWith('application/cloudevents');
  if (isCloudEvents && OTHER_CHARSET.test(contentType)) {
    throw new ProblemError('unsupported_media_type', 'the JSON format of CloudEvents is UTF-8');
  }
  if (headers['ce-specversion'] !== undefined && !isCloudEvents) return 'binary';
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
