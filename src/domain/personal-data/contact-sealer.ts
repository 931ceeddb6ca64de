import { createTextSealer, type SealedText, type SealingKey } from './text-sealer.ts';

/** How to reach a customer; personal data, so it exists in the clear only at the API's edge and in the gateways. */
export interface Contact {
  readonly email: string | null;
  readonly phone: string | null;
}

/** Contact data as it travels through Temporal and PostgreSQL. */
export interface SealedContact extends SealedText {
  /** There is a phone number inside, so text messages are wanted; said outside, because workflows cannot look inside. */
  readonly hasPhone?: true;
}

/** One 256-bit key with the id that sealed data names. */
export type ContactKey = SealingKey;

/** Seals with the newest key, opens with any known one. */
export interface ContactSealer {
  /** Seals contact data for one order; another order's box does not open under this order id. */
  seal(orderId: string, contact: Contact): SealedContact;
  /** @throws {ContactUnreadableError} when the key is unknown or the data was changed. */
  open(orderId: string, sealed: SealedContact): Contact;
}

/** Creates a sealer; `keys` are ordered newest first, and the first one seals. */
export function createContactSealer(keys: readonly [ContactKey, ...ContactKey[]]): ContactSealer {
  const sealer = createTextSealer(keys);
  return {
    seal: (orderId, contact) => ({
      ...sealer.seal(orderId, JSON.stringify(contact)),
      ...(contact.phone === null ? {} : { hasPhone: true }),
    }),
    open: (orderId, sealed) => JSON.parse(sealer.open(orderId, sealed)) as Contact,
  };
}
