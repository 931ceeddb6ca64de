import { createHash, randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { OfferedEvent } from '../../domain/event.ts';
import { findEventType } from '../../events/event-types.ts';
import { fromCloudEvent, type EnvelopedEvent } from './cloud-event.ts';
import { findCardNumber } from '../http/card-numbers.ts';
import type { EventBody } from './event-body.ts';
import { ProblemError, type FieldError } from '../http/problem.ts';
import { eventBody, eventsBody, EVENTS_MAX } from './event-schemas.ts';
import { CARD_NUMBER_REFUSED } from '../http/primitive-schemas.ts';
import { ERRORS_MAX, toFieldErrors } from '../http/validation.ts';

/** Levels of properties: more than people write, and few enough for every later parser. */
const DEPTH_MAX = 32;

/** Size of one event's properties as JSON. An event says what happened; documents belong elsewhere. */
const PROPERTIES_MAX_BYTES = 64 * 1024;

/** The parts of a request that all of its events share. */
export interface EventSender {
  readonly tenantId: string;
  readonly correlationId: string;
  readonly traceparent?: string;
  readonly idempotencyKey: string | null;
}

/**
 * Checks the envelopes of a body and fills in their defaults. The content of the properties is checked later, by type.
 * @throws {ProblemError} `validation_failed`; then none of the events counts.
 */
export function readEnvelopes(body: EventBody, sender: EventSender): OfferedEvent[] {
  const cardNumber = body.mayHoldCardNumber ? findCardNumber(body.json) : null;
  if (cardNumber !== null) throw refusal([{ pointer: cardNumber, detail: CARD_NUMBER_REFUSED }]);
  const { events, pointerOf } = envelopesOf(body);
  const errors = events.flatMap((event, index) =>
    refusalsOf(event, body).map(({ pointer, detail }) => ({ pointer: pointerOf(index) + pointer, detail })),
  );
  if (errors.length > 0) throw refusal(errors);
  return events.map(offersOf(sender));
}

interface Envelopes {
  readonly events: readonly EnvelopedEvent[];
  /** JSON pointer of an event. */
  readonly pointerOf: (index: number) => string;
}

function envelopesOf({ format, json }: EventBody): Envelopes {
  switch (format) {
    case 'simple': {
      const isBatch = typeof json === 'object' && json !== null && 'events' in json;
      if (isBatch) return { events: parsed(eventsBody, json).events, pointerOf: (index) => `/events/${index}` };
      return { events: [parsed(eventBody, json)], pointerOf: () => '' };
    }
    case 'structured':
    case 'binary':
      return { events: [fromCloudEvent(json, '')], pointerOf: () => '' };
    case 'batch': {
      if (!Array.isArray(json)) throw refusal([{ pointer: '', detail: 'must be an array of CloudEvents' }]);
      if (json.length === 0) throw refusal([{ pointer: '', detail: 'must have an event' }]);
      if (json.length > EVENTS_MAX) throw refusal([{ pointer: '', detail: `must have at most ${EVENTS_MAX} events` }]);
      const pointerOf = (index: number): string => `/${index}`;
      return { events: json.map((event: unknown, index) => fromCloudEvent(event, pointerOf(index))), pointerOf };
    }
  }
}

function parsed<Value>(schema: z.ZodType<Value>, json: unknown): Value {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw refusal(result.error.issues.flatMap((issue) => toFieldErrors(issue, '')));
}

/** Rules that the schema of an envelope does not contain. */
function refusalsOf(event: EnvelopedEvent, body: EventBody): FieldError[] {
  const { bytes, hasOddEscapes } = body;
  const errors: FieldError[] = [];
  if (findEventType(event.type)?.origin !== 'client') errors.push({ pointer: '/type', detail: 'is not a known type' });
  // A value in a small body is small, so only larger bodies need to be measured.
  const isTooLong = (value: unknown): boolean => bytes > PROPERTIES_MAX_BYTES && lengthOf(value) > PROPERTIES_MAX_BYTES;
  for (const { pointer, value } of contentOf(event)) {
    const problem = value === undefined ? null : problemIn(value, 1, hasOddEscapes);
    if (problem !== null) errors.push({ pointer, detail: problem });
    else if (isTooLong(value)) {
      errors.push({ pointer, detail: `must have at most ${PROPERTIES_MAX_BYTES} bytes as JSON` });
    }
  }
  if (errors.length === 0 && isTooLong(event.cloudEvent?.attributes)) {
    errors.push({ pointer: '', detail: `must have attributes of at most ${PROPERTIES_MAX_BYTES} bytes as JSON` });
  }
  return errors;
}

/** The parts that are stored unchanged, with their pointers. */
function contentOf({ properties, cloudEvent }: EnvelopedEvent): readonly { pointer: string; value: unknown }[] {
  if (cloudEvent === undefined) return [{ pointer: '/properties', value: properties }];
  const { attributes, data } = cloudEvent;
  const others = Object.entries(attributes).map(([name, value]) => ({ pointer: `/${name}`, value }));
  if (data.kind === 'json') return [...others, { pointer: '/data', value: data.json }];
  if (data.kind === 'base64') return [...others, { pointer: '/data_base64', value: data.base64 }];
  return [...others, { pointer: '/data', value: properties }];
}

/** Finds values that JSON can express but PostgreSQL cannot store. */
function problemIn(value: unknown, level: number, hasOddEscapes: boolean): string | null {
  if (typeof value === 'string') return hasOddEscapes && !isStorable(value) ? ODD_TEXT : null;
  if (typeof value === 'number') return numberProblem(value);
  if (typeof value !== 'object' || value === null) return null;
  if (level > DEPTH_MAX) return `must be at most ${DEPTH_MAX} levels deep`;
  if (Array.isArray(value)) return firstProblem(value, level, hasOddEscapes);
  if (hasOddEscapes && !Object.keys(value).every(isStorable)) return ODD_TEXT;
  return firstProblem(Object.values(value), level, hasOddEscapes);
}

function numberProblem(value: number): string | null {
  return Number.isFinite(value) ? null : 'must not contain numbers beyond a double';
}

function firstProblem(values: readonly unknown[], level: number, hasOddEscapes: boolean): string | null {
  for (const value of values) {
    const problem = problemIn(value, level + 1, hasOddEscapes);
    if (problem !== null) return problem;
  }
  return null;
}

const ODD_TEXT = 'must not contain NUL or unpaired surrogates';

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

function lengthOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value ?? {}), 'utf8');
}

/** Fills in the defaults of a request's events, all at one moment. */
function offersOf({ tenantId, correlationId, traceparent, idempotencyKey }: EventSender) {
  const now = new Date();
  return (event: EnvelopedEvent, index: number): OfferedEvent => {
    const eventId = event.id ?? (idempotencyKey === null ? randomUUID() : derivedId(tenantId, idempotencyKey, index));
    const userId = event.userId ?? null;
    return {
      tenantId,
      eventId,
      type: event.type,
      key: event.key ?? userId ?? eventId,
      userId,
      source: event.source ?? 'http',
      correlationId,
      ...(traceparent === undefined ? {} : { traceparent }),
      occurredAt: event.occurredAt === undefined ? now : new Date(event.occurredAt),
      properties: event.properties ?? {},
      cloudEvent: event.cloudEvent ?? null,
    };
  };
}

/** A UUID (version 8, RFC 9562) that stays the same when the request is repeated under its key. */
function derivedId(tenantId: string, idempotencyKey: string, index: number): string {
  const bytes = createHash('sha256').update(`${tenantId}\0${idempotencyKey}\0${index}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function refusal(errors: readonly FieldError[]): ProblemError {
  return new ProblemError('validation_failed', 'the body does not match the contract; nothing of it was accepted', {
    errors: errors.slice(0, ERRORS_MAX),
  });
}
