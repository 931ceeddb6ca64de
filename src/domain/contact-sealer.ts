import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ContactUnreadableError } from './errors.ts';

/** How to reach a customer; personal data, so it exists in the clear only at the API's edge and in the mail gateway. */
export interface Contact {
  readonly email: string | null;
  readonly phone: string | null;
}

/** Contact data as it travels through Temporal and PostgreSQL: AES-256-GCM, base64, with the id of its key. */
export interface SealedContact {
  readonly keyId: string;
  /** 96-bit nonce, ciphertext and 128-bit tag, base64. */
  readonly box: string;
}

/** One 256-bit key with the id that sealed data names. */
export interface ContactKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Seals with the newest key, opens with any known one. */
export interface ContactSealer {
  /** Seals contact data for one order; another order's box does not open under this order id. */
  seal(orderId: string, contact: Contact): SealedContact;
  /** @throws {ContactUnreadableError} when the key is unknown or the data was changed. */
  open(orderId: string, sealed: SealedContact): Contact;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Creates a sealer; `keys` are ordered newest first, and the first one seals. */
export function createContactSealer(keys: readonly [ContactKey, ...ContactKey[]]): ContactSealer {
  const byId = new Map(keys.map((key) => [key.id, key.key]));
  return {
    seal(orderId, contact) {
      const [{ id, key }] = keys;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(`${id}\0${orderId}`));
      const body = Buffer.concat([cipher.update(JSON.stringify(contact), 'utf8'), cipher.final()]);
      return { keyId: id, box: Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64') };
    },
    open(orderId, sealed) {
      const key = byId.get(sealed.keyId);
      if (key === undefined) throw new ContactUnreadableError(sealed.keyId);
      try {
        const box = Buffer.from(sealed.box, 'base64');
        const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES));
        decipher.setAAD(Buffer.from(`${sealed.keyId}\0${orderId}`)).setAuthTag(box.subarray(-TAG_BYTES));
        const body = box.subarray(NONCE_BYTES, -TAG_BYTES);
        return JSON.parse(Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')) as Contact;
      } catch {
        // The cause is dropped on purpose: nothing about the data's content may reach a log.
        throw new ContactUnreadableError(sealed.keyId);
      }
    },
  };
}
