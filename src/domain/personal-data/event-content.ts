import type { CloudEventParts } from '../cloud-event-parts.ts';
import type { OfferedEvent } from '../event.ts';
import type { FieldSealer } from './field-sealer.ts';

type EventId = Pick<OfferedEvent, 'tenantId' | 'eventId'>;
type Content = EventId & Pick<OfferedEvent, 'properties' | 'cloudEvent'>;

/** What the properties of an event are sealed about. */
export function propertiesSubject({ tenantId, eventId }: EventId): string {
  return `event/${tenantId}/${eventId}`;
}

/** What the further parts of a CloudEvent are sealed about. */
export function cloudEventSubject({ tenantId, eventId }: EventId): string {
  return `cloud-event/${tenantId}/${eventId}`;
}

/** An event in the form in which it is stored: what its producer sent is sealed if the settings ask for it. */
export function sealContent(fields: FieldSealer, event: Content): object {
  if (!fields.isSealing) return event;
  const { properties, cloudEvent } = event;
  return {
    ...event,
    properties: fields.sealObject(propertiesSubject(event), properties),
    ...(cloudEvent == null ? {} : { cloudEvent: fields.sealObject(cloudEventSubject(event), cloudEvent) }),
  };
}

/**
 * A stored event with its content readable.
 * @throws {ContactUnreadableError} when the key is unknown or the content was changed.
 */
export function openContent<Event extends Content>(fields: FieldSealer, stored: Event): Event {
  const { properties, cloudEvent }: { properties: object | string; cloudEvent?: object | string | null } = stored;
  if (typeof properties !== 'string' && typeof cloudEvent !== 'string') return stored;
  return {
    ...stored,
    properties: fields.openObject(propertiesSubject(stored), properties),
    ...(cloudEvent == null
      ? {}
      : { cloudEvent: fields.openObject(cloudEventSubject(stored), cloudEvent) as CloudEventParts }),
  };
}
