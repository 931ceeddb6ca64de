import { CloudEvent } from 'cloudevents';
import type { CloudEventParts } from '../../domain/cloud-event-parts.ts';
import { ProblemError } from '../http/problem.ts';
import { cloudEventBody, type CloudEventBody } from './cloud-event-schemas.ts';
import type { NewEvent } from './event-schemas.ts';
import { toFieldErrors } from '../http/validation.ts';

/** Attributes of one event; those of the specification and its documented extensions are some twenty. */
const ATTRIBUTES_MAX = 100;

/** Three times the length that the specification recommends. */
const NAME_MAX = 64;

/** `data_base64` belongs to the JSON format. */
const NAME = /^(?:[a-z0-9]+|data_base64)$/;

/** An event with the `source` that it names, if its format has one. */
export interface EnvelopedEvent extends NewEvent {
  readonly source?: string;
  readonly cloudEvent?: CloudEventParts;
}

/**
 * Reads a CloudEvent 1.0 in the JSON format. Its `data` become the properties; `subject` is the user unless the
 * extension `userid` names one; the extension `partitionkey` is the key. All other parts are kept unchanged.
 * @throws {ProblemError} `validation_failed`, with pointers below `pointer`.
 */
export function fromCloudEvent(json: unknown, pointer: string): EnvelopedEvent {
  // The names are checked as they were sent, because the next reader skips a member with the name of the prototype.
  requireNames(typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.keys(json) : [], pointer);
  const parsed = cloudEventBody.safeParse(json);
  if (!parsed.success) {
    const errors = parsed.error.issues.flatMap((issue) => toFieldErrors(issue, pointer));
    throw new ProblemError('validation_failed', 'this is no CloudEvent that is accepted here', { errors });
  }
  requireConformance(parsed.data, pointer);
  const { id, type, source, time, subject, partitionkey, userid, data } = parsed.data;
  const cloudEvent = partsOf(json as Readonly<Record<string, unknown>>);
  return {
    id,
    type,
    source,
    userId: userid ?? subject,
    key: partitionkey,
    ...(time == null ? {} : { occurredAt: time }),
    ...(cloudEvent.data.kind === 'properties' ? { properties: data as Record<string, unknown> } : {}),
    cloudEvent,
  };
}

/** Attributes that are stored elsewhere, as fields of the event or as its data. */
const ELSEWHERE: ReadonlySet<string> = new Set(['specversion', 'id', 'source', 'type', 'data', 'data_base64']);

/** The parts as they were sent, not as they were parsed: a time keeps its notation. */
function partsOf(event: Readonly<Record<string, unknown>>): CloudEventParts {
  const kept = Object.entries(event).filter(([name, value]) => value !== null && !ELSEWHERE.has(name));
  const attributes = Object.fromEntries(kept) as CloudEventParts['attributes'];
  const { data, data_base64: base64 } = event;
  if (typeof base64 === 'string') return { attributes, data: { kind: 'base64', base64 } };
  if (data === undefined || data === null) return { attributes, data: { kind: 'none' } };
  const isObject = typeof data === 'object' && !Array.isArray(data);
  return { attributes, data: isObject ? { kind: 'properties' } : { kind: 'json', json: data } };
}

function requireNames(names: readonly string[], pointer: string): void {
  if (names.length > ATTRIBUTES_MAX) throw notConforming(pointer, `must have at most ${ATTRIBUTES_MAX} attributes`);
  const misnamed = names.find((name) => name.length > NAME_MAX || !NAME.test(name));
  if (misnamed === undefined) return;
  throw notConforming(`${pointer}/${escaped(misnamed)}`, `must be named in at most ${NAME_MAX} of a-z and 0-9`);
}

/**
 * The attributes that the library of the specification knows. Extensions may have any name, even that of a method of
 * the library.
 */
const OF_THE_SPECIFICATION = [
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'dataschema',
  'datacontenttype',
] as const;

/** The library of the specification checks everything that this code does not read itself. */
function requireConformance(event: CloudEventBody, pointer: string): void {
  // The data may have any content, and checking it costs time; the time was checked already.
  const { data, data_base64: base64, time: _, ...given } = event;
  if (data != null && base64 != null) throw notConforming(`${pointer}/data_base64`, 'must not come with data');
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const odd = Object.entries(present).find(([, value]) => !isAttributeValue(value));
  if (odd !== undefined) throw notConforming(`${pointer}/${odd[0]}`, 'must be a string, a boolean or a 32-bit integer');
  try {
    // The constructor validates the event.
    void new CloudEvent(Object.fromEntries(OF_THE_SPECIFICATION.flatMap((name) => attributeOf(present, name))));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const { attribute, detail } = conformanceProblem(error);
    throw notConforming(pointer + attribute, detail);
  }
}

function attributeOf(event: Readonly<Record<string, unknown>>, name: string): [string, unknown][] {
  return Object.hasOwn(event, name) ? [[name, event[name]]] : [];
}

/** The type system of CloudEvents in JSON; the library would also accept objects. */
function isAttributeValue(value: unknown): boolean {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (Number.isInteger(value) && value === Number(value) >> 0)
  );
}

function notConforming(pointer: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', 'this is no CloudEvent that is accepted here', {
    errors: [{ pointer: pointer.slice(0, 200).toWellFormed(), detail }],
  });
}

/** Escapes a name for a JSON pointer. */
function escaped(name: string): string {
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The library's messages repeat values; this returns only names of attributes, as pointers, and rules. */
function conformanceProblem(error: TypeError): { readonly attribute: string; readonly detail: string } {
  const rules =
    'errors' in error && Array.isArray(error.errors)
      ? (error.errors as { instancePath?: string; message?: string }[])
      : [];
  const [rule] = rules;
  return {
    attribute: rule?.instancePath ?? '',
    detail: (rule?.message ?? 'is not what CloudEvents allow').slice(0, 200),
  };
}
