/**
 * The parts of a CloudEvent that other events do not have, kept unchanged: its further attributes, and its data if
 * these are not a JSON object. (A JSON object becomes the properties.)
 */
export interface CloudEventParts {
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly data:
    | { readonly kind: 'none' | 'properties' }
    | { readonly kind: 'json'; readonly json: unknown }
    | { readonly kind: 'base64'; readonly base64: string };
}

/** Restores a CloudEvent in the JSON format. */
export function toCloudEvent(
  { attributes, data }: CloudEventParts,
  {
    eventId,
    source,
    type,
    properties,
  }: {
    readonly eventId: string;
    readonly source: string;
    readonly type: string;
    readonly properties: Readonly<Record<string, unknown>>;
  },
): Record<string, unknown> {
  const event = { specversion: '1.0', id: eventId, source, type, ...attributes };
  switch (data.kind) {
    case 'none':
      return event;
    case 'properties':
      return { ...event, data: properties };
    case 'json':
      return { ...event, data: data.json };
    case 'base64':
      return { ...event, data_base64: data.base64 };
  }
}
