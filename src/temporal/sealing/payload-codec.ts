import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

/**
 * What is done with payloads. `read` opens sealed ones and writes plain ones; `seal` also seals; `require` also refuses
 * plain ones.
 */
export type SealingMode = 'read' | 'seal' | 'require';

/** A key of 256 bits with the id that sealed payloads name. */
interface SealingKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** How the payloads of one namespace are sealed. */
export interface PayloadSealing {
  readonly mode: SealingMode;
  /** Newest first: the first one seals, each of them opens. */
  readonly keys: readonly [SealingKey, ...SealingKey[]];
  /** Part of what is authenticated, so that a payload cannot be moved to another namespace. */
  readonly namespace: string;
}

/** A payload cannot be opened. The message names the reason and never any content. */
export class PayloadUnreadableError extends Error {
  constructor(reason: string) {
    super(`a payload of Temporal cannot be read: ${reason}`);
    this.name = 'PayloadUnreadableError';
  }
}

/** The encoding's name, as in the samples of Temporal's SDKs, whose tools then know that a payload is encrypted. */
const ENCODING = 'binary/encrypted';
const ENCODING_KEY = 'encoding';
const KEY_ID = 'encryption-key-id';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** Whether a payload is in the sealed form. */
export function isSealed({ metadata }: Payload): boolean {
  return textOf(metadata?.[ENCODING_KEY]) === ENCODING;
}

/**
 * AES-256-GCM around each payload with its metadata: a random nonce of 96 bits, the ciphertext, a tag of 128 bits. A
 * payload that cannot be opened fails the one task that needs it, and the task is tried again, on any worker: keys may
 * come later. One key seals far fewer than the 2^32 payloads that random nonces allow if it is replaced once a year at
 * 100 a second.
 * @throws {PayloadUnreadableError} from `decode`: unknown key, changed content, or a plain payload in mode `require`.
 */
export function createPayloadCodec({ mode, keys, namespace }: PayloadSealing): PayloadCodec {
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  const aboutKey = (id: string): Buffer => Buffer.from(`${id}\0${namespace}`);
  const seal = (payload: Payload): Payload => {
    const [{ id, key }] = keys;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aboutKey(id));
    const plain = PayloadMessage.encode(payload).finish();
    const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return { metadata: { [ENCODING_KEY]: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) }, data };
  };
  const open = (payload: Payload): Payload => {
    if (!isSealed(payload)) {
      if (mode === 'require') throw new PayloadUnreadableError('it is not sealed, and TEMPORAL_SEALING is require');
      return payload;
    }
    const id = textOf(payload.metadata?.[KEY_ID]);
    const key = byId.get(id);
    if (key === undefined) throw new PayloadUnreadableError(`no key "${id}" in TEMPORAL_SEALING_KEYS`);
    try {
      const box = payload.data ?? new Uint8Array();
      const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES));
      decipher.setAAD(aboutKey(id)).setAuthTag(box.subarray(-TAG_BYTES));
      const plain = Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      return PayloadMessage.decode(plain);
    } catch {
      // The cause is dropped on purpose, because it may contain parts of the data, which must not reach a log.
      throw new PayloadUnreadableError(`its content or its key "${id}" was changed`);
    }
  };
  return {
    encode: async (payloads) => (mode === 'read' ? payloads : payloads.map(seal)),
    decode: async (payloads) => payloads.map(open),
  };
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes === null || bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
}
