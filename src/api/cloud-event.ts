import { CloudEvent } from 'cloudevents';
import { ProblemError } from './problem.ts';
import { cloudEventBody, type CloudEventBody } from './schemas/cloud-event.ts';
import type { NewEvent } from './schemas/event.ts';
import { toFieldErrors } from './validation.ts';

/** Attributes of one event; those of the specification and its documented extensions are some twenty. */
const ATTRIBUTES_MAX = 100;

/** An event with the `source` that it names, if its format has one. */
export interface EnvelopedEvent extends NewEvent {
  readonly source?: string;
}

/**
 * Reads a CloudEvent 1.0 in the JSON format. Its `data` are the properties, `subject` is the user unless the extension
 * `userid` names one, and the extension `partitionkey` is the key.
 * @throws {ProblemError} `validation_failed`, with pointers below `pointer`.
 */
export function fromCloudEvent(json: unknown, pointer: string): EnvelopedEvent {
  const attributes = typeof json === 'object' && json !== null ? Object.keys(json).length : 0;
  if (attributes > ATTRIBUTES_MAX) throw notConforming(pointer, `must have at most ${ATTRIBUTES_MAX} attributes`);
  const parsed = cloudEventBody.safeParse(json);
  if (!parsed.success) {
    const errors = parsed.error.issues.flatMap((issue) => toFieldErrors(issue, pointer));
    throw new ProblemError('validation_failed', 'this is no CloudEvent that is accepted here', { errors });
  }
  requireConformance(parsed.data, pointer);
  const { id, type, source, time, subject, partitionkey, userid, data } = parsed.data;
  return {
    id,
    type,
    source,
    userId: userid ?? subject,
    key: partitionkey,
    ...(time == null ? {} : { occurredAt: time }),
    ...(data == null ? {} : { properties: data }),
  };
}

/** What the specification says beyond what we read is the business of its own library. */
function requireConformance(event: CloudEventBody, pointer: string): void {
  // The data may be anything, and looking at it costs time.
  const { data: _, ...given } = event;
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const odd = Object.entries(present).find(([, value]) => !isAttributeValue(value));
  if (odd !== undefined) throw notConforming(`${pointer}/${odd[0]}`, 'must be a string, a boolean or a 32-bit integer');
  try {
    // Validates itself.
    void new CloudEvent(present);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw notConforming(pointer, conformanceDetail(error));
  }
}

/** The type system of CloudEvents in JSON; the library also takes objects. */
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

/** The library repeats values; names of attributes and rules are enough. */
function conformanceDetail(error: TypeError): string {
  const rules =
    'errors' in error && Array.isArray(error.errors)
      ? (error.errors as { instancePath?: string; message?: string }[])
      : [];
  const [rule] = rules;
  if (rule?.message !== undefined) return `${rule.instancePath ?? ''} ${rule.message}`.trim().slice(0, 200);
  return 'names of attributes are lower-case letters and digits';
}
