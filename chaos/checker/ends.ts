import type { OrderStatus } from '../../src/domain/order-status.ts';
import type { HistoryEntry } from '../history.ts';
import { ORDER_KINDS, type OrderKindName } from '../workload/order-plans.ts';
import { violation, wasMovedOutside, type OrderFact, type RunFacts, type Violation } from './facts.ts';

/** Kinds whose payment is always declined. */
const NEVER_SOLD: readonly OrderKindName[] = ['declined', 'soft_decline', 'unknown_method'];

/** Commands after which an order may be cancelled; the service gives one itself for a sale that fails. */
const CANCELLING = new Set(['will_cancel', 'will_refund', 'accepted']);

/** An order ends as its payment method, its stock, its client and its operators explain, and not otherwise. */
export function checkEnds(facts: RunFacts): Violation[] {
  const kinds = kindsByKey(facts.entries);
  const aborted = new Set(facts.decisions.filter(({ action }) => action === 'abort').map(({ orderId }) => orderId));
  return [...facts.orders.values()].flatMap((order) => {
    const kind = kinds.get(order.key);
    if (kind === undefined) return [];
    const problem = problemOf(facts, order, { kind, isAborted: aborted.has(order.orderId) });
    return problem === null ? [] : [violation('ends', order.orderId, `${kind}: ${problem}`)];
  });
}

/** The kind of each order by its key. */
export function kindsByKey(entries: readonly HistoryEntry[]): Map<string, OrderKindName> {
  const kinds = new Map<string, OrderKindName>();
  for (const { op, key, data } of entries) {
    if (op === 'create' && key !== null && data['kind'] !== undefined) kinds.set(key, data['kind'] as OrderKindName);
  }
  return kinds;
}

interface Explanation {
  readonly kind: OrderKindName;
  /** Whether an operator has given it up. */
  readonly isAborted: boolean;
}

function problemOf(facts: RunFacts, order: OrderFact, explanation: Explanation): string | null {
  const { orderId, status } = order;
  switch (status) {
    case 'REJECTED':
      return isRefusedRightly(order, explanation) ? null : `rejected for ${order.reason}`;
    case 'CANCELLED':
      return isCancelled(facts, orderId) || explanation.isAborted ? null : 'cancelled, and nobody has asked for it';
    case 'EXPIRED':
      // An authorization that somebody ended at the provider itself can only expire.
      return wasMovedOutside(facts, orderId) ? null : 'expired, long before its time';
    case 'CONFIRMED':
    case 'AWAITING_CAPTURE':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return saleProblem(status, explanation.kind);
    case 'PENDING':
    case 'CANCELLING':
    case 'REFUNDING':
      return null;
  }
}

function isRefusedRightly({ reason }: OrderFact, { kind, isAborted }: Explanation): boolean {
  const ends: readonly string[] = ORDER_KINDS[kind].ends;
  if (reason === 'operator_aborted') return isAborted;
  return reason === 'out_of_stock' || ends.includes(reason ?? '');
}

function saleProblem(status: OrderStatus, kind: OrderKindName): string | null {
  if (NEVER_SOLD.includes(kind)) return `${status}, although its payment is always declined`;
  return ORDER_KINDS[kind].ends.length > 0 ? `${status}, although it had to be refused` : null;
}

function isCancelled({ commands }: RunFacts, orderId: string): boolean {
  const given = commands.get(orderId) ?? [];
  return given.some(({ kind, decision }) => kind === 'cancel' && CANCELLING.has(decision));
}
