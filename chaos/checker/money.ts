import {
  isExternal,
  violation,
  wasMovedOutside,
  type LedgerFact,
  type OrderFact,
  type RunFacts,
  type Violation,
} from './facts.ts';
import { kindsByKey } from './ends.ts';

/** The sums of one order in the provider's ledger, in minor units. */
interface Sums {
  readonly taken: number;
  /** What of it a person has captured at the provider itself. */
  readonly takenOutside: number;
  readonly refunded: number;
  /** What can still be captured. */
  readonly open: number;
  /** Sales, and the largest of them. */
  readonly sales: number;
  readonly largestSale: number;
}

/**
 * The money at the provider is what the status says. It is judged by the ledger and the status alone, without the
 * service's own books.
 */
export function checkMoney(facts: RunFacts): Violation[] {
  const kinds = kindsByKey(facts.entries);
  const strays = [...facts.ledger]
    .filter(([orderId, entries]) => !facts.orders.has(orderId) && entries.some(({ state }) => state === 'SUCCEEDED'))
    .map(([orderId]) => violation('money', orderId, 'the provider has money of an order that does not exist'));
  const wrong = [...facts.orders.values()].flatMap((order) => {
    const sums = sumsOf(facts.ledger.get(order.orderId) ?? []);
    const isPaidBackOutside = kinds.get(order.key) === 'refund_fails';
    return [...chargedTwice(sums), ...problemsOf(order, sums, isPaidBackOutside)].map((message) =>
      violation('money', order.orderId, `${order.status}: ${message}`),
    );
  });
  return [...strays, ...wrong, ...checkGivenBack(facts)];
}

/**
 * No order ends with money that is left over, unless it was moved at the provider itself: an operator who gives it back
 * later only hides that.
 */
function checkGivenBack(facts: RunFacts): Violation[] {
  return [...facts.commands]
    .filter(([, answers]) => answers.some(({ kind, decision }) => kind === 'give_back' && decision === 'accepted'))
    .filter(([orderId]) => !wasMovedOutside(facts, orderId))
    .map(([orderId]) => violation('money', orderId, 'it had ended with money, which was given back later'));
}

function sumsOf(entries: readonly LedgerFact[]): Sums {
  const succeeded = entries.filter(({ state }) => state === 'SUCCEEDED');
  const sum = (...kinds: string[]): number =>
    succeeded.filter(({ kind }) => kinds.includes(kind)).reduce((total, { amountMinor }) => total + amountMinor, 0);
  const sales = succeeded.filter(({ kind }) => kind === 'sale').map(({ amountMinor }) => amountMinor);
  return {
    taken: sum('sale', 'capture'),
    takenOutside: succeeded
      .filter((entry) => entry.kind === 'capture' && isExternal(entry))
      .reduce((total, { amountMinor }) => total + amountMinor, 0),
    refunded: sum('refund'),
    open: sum('authorize') - sum('capture') - sum('void'),
    sales: sales.length,
    largestSale: Math.max(0, ...sales),
  };
}

/** In no status more is taken than one charge. */
function chargedTwice({ sales, largestSale, taken, refunded }: Sums): string[] {
  const isTwice = sales > 1 && taken - refunded > largestSale;
  return isTwice ? [`it was charged ${sales} times, and ${taken - refunded} is taken`] : [];
}

function problemsOf(order: OrderFact, sums: Sums, isPaidBackOutside: boolean): string[] {
  const { taken, takenOutside, refunded, open } = sums;
  const left = taken - refunded;
  switch (order.status) {
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
      return [
        ...(left !== 0 && !isPaidBackOutside ? [`${left} is still taken`] : []),
        ...(open > 0 ? [`${open} can still be captured`] : []),
      ];
    case 'CONFIRMED':
      return order.captureMode === 'manual' ? soldInParts(order, sums) : soldAtOnce(order, sums);
    case 'REFUNDED':
      return left !== 0 && !isPaidBackOutside ? [`${left} is still taken`] : [];
    case 'PARTIALLY_REFUNDED':
      return refunded > 0 && left > 0 ? [] : [`${refunded} of ${taken} was paid back`];
    case 'AWAITING_CAPTURE':
      return taken === takenOutside ? [] : [`${taken - takenOutside} was taken before a capture`];
    case 'PENDING':
    case 'CANCELLING':
    case 'REFUNDING':
      return [];
  }
}

function soldAtOnce({ totalMinor }: OrderFact, { taken, refunded }: Sums): string[] {
  return taken - refunded === totalMinor ? [] : [`the total is ${totalMinor}, and ${taken - refunded} is taken`];
}

function soldInParts({ totalMinor }: OrderFact, { taken, refunded }: Sums): string[] {
  const isPart = taken > 0 && taken <= (totalMinor ?? 0);
  return [
    ...(isPart ? [] : [`${taken} of ${totalMinor} is taken`]),
    ...(refunded === 0 ? [] : [`${refunded} was paid back`]),
  ];
}
