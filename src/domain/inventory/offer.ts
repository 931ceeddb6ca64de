import { totalOf } from '../payments/money.ts';
import type { OrderLine, Refusal, RejectionDetails } from '../order.ts';
import { chargeProblemOf, type PaymentCapabilities } from '../payments/payment-capabilities.ts';
import type { RejectionReason } from '../order-status.ts';

/** A line of the catalog at the moment of a hold. */
export interface Offer extends OrderLine {
  readonly available: number;
  readonly unitPriceMinor: number;
  readonly currency: string;
}

/** What an order asks of the catalog. */
export interface Wanted {
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  readonly expectedTotalMinor: number | null;
}

/** Whether every line can be held at the offered prices. */
function isHoldable(wanted: Wanted, offers: readonly Offer[]): boolean {
  const { lines, currency, expectedTotalMinor } = wanted;
  return (
    offers.length === lines.length &&
    offers.every((offer) => offer.currency === currency && offer.available >= offer.quantity) &&
    (expectedTotalMinor === null || expectedTotalMinor === totalOf(offers))
  );
}

/** Why an order would be refused before anything is charged; null when it would not be refused. */
export function foreseenRefusalOf(
  wanted: Wanted,
  offers: readonly Offer[],
  capabilities: PaymentCapabilities,
): Refusal | null {
  if (!isHoldable(wanted, offers)) return refusalOf(wanted, offers);
  const problem = chargeProblemOf(capabilities, totalOf(offers), wanted.currency);
  return problem === null ? null : { reason: 'amount_not_chargeable', details: problem };
}

/** Why a hold was refused; the most telling reason comes first. */
export function refusalOf(request: Wanted, offers: readonly Offer[]): Refusal {
  const refuse = (reason: RejectionReason, details: RejectionDetails): Refusal => ({ reason, details });
  const known = new Set(offers.map((offer) => offer.sku));
  const unknown = request.lines.filter((line) => !known.has(line.sku));
  if (unknown.length > 0) return refuse('unknown_sku', { skus: unknown.map((line) => line.sku) });

  const foreign = offers.filter((offer) => offer.currency !== request.currency);
  if (foreign.length > 0) return refuse('currency_mismatch', { skus: foreign.map((offer) => offer.sku) });

  const { expectedTotalMinor } = request;
  const totalMinor = totalOf(offers);
  if (expectedTotalMinor !== null && expectedTotalMinor !== totalMinor) {
    return refuse('price_changed', { expectedTotalMinor, totalMinor });
  }
  const short = offers.filter((offer) => offer.available < offer.quantity);
  return refuse('out_of_stock', {
    lines: short.map(({ sku, quantity, available }) => ({ sku, requested: quantity, available })),
  });
}
