import { chargesAnswer, intentAnswer, intentsAnswer, parseStripe, type StripePayment } from './stripe-answers.ts';
import type { StripeSend } from './stripe-client.ts';

/** Stripe's own limit; one key has a handful of attempts. */
const LIST_LIMIT = 100;

/**
 * Finds the payment of a key by the charges in its `transfer_group`. Stripe's lists filter exactly, show a charge as
 * soon as it was tried, and keep it for ever. Every try of a card leaves a charge, even a declined one. Only intents
 * that never tried a card (tombstones) are invisible here.
 */
export async function findPayment(send: StripeSend, about: string, key: string): Promise<StripePayment | null> {
  const listed = await send((stripe) =>
    stripe.charges.list({ transfer_group: key, limit: LIST_LIMIT, expand: ['data.payment_intent'] }),
  );
  const charges = parseStripe(about, chargesAnswer, listed).data;
  const [newest] = charges;
  return newest === undefined ? null : { intent: newest.payment_intent, attempts: charges };
}

/**
 * Finds an intent of a key that never tried a card. Search lags by up to a minute (an hour in an outage of Stripe), so
 * it is the last resort: finding nothing proves nothing, and a found intent is read again.
 */
export async function searchPayment(send: StripeSend, about: string, key: string): Promise<StripePayment | null> {
  const query = `metadata['key']:'${key.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
  const found = await send((stripe) => stripe.paymentIntents.search({ query, limit: 1 }));
  const [intent] = parseStripe(about, intentsAnswer, found).data;
  return intent === undefined ? null : retrievePayment(send, about, intent.id);
}

/** Reads an intent and its attempts in their present state. */
export async function retrievePayment(send: StripeSend, about: string, intentId: string): Promise<StripePayment> {
  const retrieved = await send((stripe) => stripe.paymentIntents.retrieve(intentId));
  const listed = await send((stripe) =>
    stripe.charges.list({ payment_intent: intentId, limit: LIST_LIMIT, expand: ['data.payment_intent'] }),
  );
  return {
    intent: parseStripe(about, intentAnswer, retrieved),
    attempts: parseStripe(about, chargesAnswer, listed).data,
  };
}
