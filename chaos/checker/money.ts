import { violation, type LedgerFact, type OrderFact, type RunFacts, type Violation } from './facts.ts';
import { kindsByKey } from './ends.ts';

/** The sums of one order in the provider's ledger, in minor units. */
interface Sums {
  readonly taken: number;
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
  return [...strays, ...wrong];
}

function sumsOf(entries: readonly LedgerFact[]): Sums {
  const succeeded = entries.filter(({ state }) => state === 'SUCCEEDED');
  const sum = (...kinds: string[]): number =>
    succeeded.filter(({ kind }) => kinds.includes(kind)).reduce((total, { amountMinor }) => total + amountMinor, 0);
  const sales = succeeded.filter(({ kind }) => kind === 'sale').map(({ amountMinor }) => amountMinor);
  return {
    taken: sum('sale', 'capture'),
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
  const { taken, refunded, open } = sums;
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
      return taken === 0 ? [] : [`${taken} was taken before a capture`];
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
