import type { Answer, SystemClient } from './system.ts';

/** Answer of `POST /v1/events`. */
export interface Accepted {
  readonly accepted: number;
  readonly duplicates: number;
  readonly events: readonly { readonly id: string; readonly partition: number; readonly sequence: number }[];
}

/** How a test sends events in another way. */
export interface SendOptions {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Posts a body to `/v1/events`: an object as JSON, everything else unchanged. */
export function sendEvents(
  client: Pick<SystemClient, 'request'>,
  body: object | string | Uint8Array<ArrayBuffer>,
  { token, headers = {} }: SendOptions = {},
): Promise<Answer<Accepted>> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  return client.request<Accepted>('/v1/events', {
    method: 'POST',
    body: isRaw ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
    ...(token === undefined ? {} : { token }),
  });
}

/** A purchase with the changes of the test. */
export function purchase(event: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { type: 'purchase', userId: 'u1', properties: { amount: 99.99 }, ...event };
}
