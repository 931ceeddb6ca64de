import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ContactUnreadableError } from '../errors.ts';

/** A text in the form in which it is stored: AES-256-GCM, base64, with the id of its key. */
export interface SealedText {
  readonly keyId: string;
  /** 96-bit nonce, ciphertext and 128-bit tag, base64. */
  readonly box: string;
}

/** One 256-bit key with the id that sealed data names. */
export interface SealingKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Seals with the newest key, and opens with any known key. */
export interface TextSealer {
  /** Seals a text about one thing. The box cannot be opened about another thing. */
  seal(about: string, text: string): SealedText;
  /**
   * Opens a box.
   * @throws {ContactUnreadableError} when the key is unknown or the data was changed.
   */
  open(about: string, sealed: SealedText): string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `keys` are ordered newest first; the first key seals. */
export function createTextSealer(keys: readonly [SealingKey, ...SealingKey[]]): TextSealer {
  const byId = new Map(keys.map((key) => [key.id, key.key]));
  return {
    seal(about, text) {
      const [{ id, key }] = keys;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(`${id}\0${about}`));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return { keyId: id, box: Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64') };
    },
    open(about, sealed) {
      const key = byId.get(sealed.keyId);
      if (key === undefined) throw new ContactUnreadableError(sealed.keyId);
      try {
        const box = Buffer.from(sealed.box, 'base64');
        const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES));
        decipher.setAAD(Buffer.from(`${sealed.keyId}\0${about}`)).setAuthTag(box.subarray(-TAG_BYTES));
        const body = box.subarray(NONCE_BYTES, -TAG_BYTES);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch {
        // The cause is dropped on purpose, because it may contain parts of the data, which must not reach a log.
        throw new ContactUnreadableError(sealed.keyId);
      }
    },
  };
}
