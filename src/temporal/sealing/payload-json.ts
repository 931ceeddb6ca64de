import type { Payload, PayloadCodec } from '@temporalio/common';
import { createPayloadCodec, type PayloadSealing } from './payload-codec.ts';

/** A payload in the JSON that Temporal's Web UI and CLI send to a codec server: bytes are base64. */
export interface PayloadJson {
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly data?: string | undefined;
}

/** Seals and opens payloads for people who look at workflows with Temporal's own tools. */
export interface PayloadTranslator {
  seal(payloads: readonly PayloadJson[]): Promise<PayloadJson[]>;
  /** @throws {PayloadUnreadableError} */
  open(payloads: readonly PayloadJson[]): Promise<PayloadJson[]>;
}

/** Opens plain payloads too, because people also look at workflows from before the sealing. */
export function createPayloadTranslator(sealing: PayloadSealing): PayloadTranslator {
  const codec = createPayloadCodec({ ...sealing, mode: sealing.mode === 'read' ? 'read' : 'seal' });
  const translate =
    (way: PayloadCodec['encode']) =>
    async (payloads: readonly PayloadJson[]): Promise<PayloadJson[]> =>
      (await way(payloads.map(fromJson))).map(toJson);
  return { seal: translate(codec.encode), open: translate(codec.decode) };
}

function fromJson({ metadata = {}, data = '' }: PayloadJson): Payload {
  const entries = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(entries) as Record<string, Uint8Array>, data: Buffer.from(data, 'base64') };
}

function toJson({ metadata, data }: Payload): PayloadJson {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return {
    metadata: Object.fromEntries(entries) as Record<string, string>,
    data: Buffer.from(data ?? new Uint8Array()).toString('base64'),
  };
}
