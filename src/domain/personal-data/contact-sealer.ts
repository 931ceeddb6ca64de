import { createTextSealer, type SealedText, type SealingKey } from './text-sealer.ts';

/** The address of a customer. It is personal data, so it is readable only at the API's edge and in the gateways. */
export interface Contact {
  readonly email: string | null;
  readonly phone: string | null;
}

/** Contact data in the form in which it travels through Temporal and PostgreSQL. */
export interface SealedContact extends SealedText {
  /**
   * Whether the contact has a phone number, so that text messages are wanted. The flag is outside of the box, because
   * workflows cannot open the box.
   */
  readonly hasPhone?: true;
}

/** One 256-bit key with the id that sealed data names. */
export type ContactKey = SealingKey;

/** Seals with the newest key, and opens with any known key. */
export interface ContactSealer {
  /** Seals contact data for one order. The box cannot be opened for another order id. */
  seal(orderId: string, contact: Contact): SealedContact;
  /**
   * Opens a box.
   * @throws {ContactUnreadableError} when the key is unknown or the data was changed.
   */
  open(orderId: string, sealed: SealedContact): Contact;
}

/** `keys` are ordered newest first; the first key seals. */
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
