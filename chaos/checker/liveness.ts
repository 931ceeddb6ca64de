import { isAtRest } from '../../src/domain/order-status.ts';
import { acceptedByKey, faultsOf } from '../history.ts';
import type { OrderKindName } from '../workload/order-plans.ts';
import { violation, type CaseFact, type MoveFact, type OrderFact, type RunFacts, type Violation } from './facts.ts';
import { kindsByKey } from './ends.ts';

/** An accepted order is at rest this long after the last heal, or waits for a person for a reason that was planted. */
export const REST_WITHIN_MS = 120_000;

/** Kinds that wait for a person by their nature, whatever the system does. */
const PARKED: readonly OrderKindName[] = ['wrong_amount', 'refund_fails'];

/** Every accepted order comes to rest soon after the faults have ended, and the orders that follow succeed. */
export function checkLiveness(facts: RunFacts): Violation[] {
  const kinds = kindsByKey(facts.entries);
  const casesByOrder = Map.groupBy(facts.cases, ({ orderId }) => orderId);
  const healedAt = lastHealOf(facts);
  const acceptedAt = acceptedByKey(facts.entries);
  return [...facts.orders.values()].flatMap((order) => {
    const { orderId, key } = order;
    const kind = kinds.get(key);
    const cases = casesByOrder.get(orderId) ?? [];
    if (waitsByNature(kind, cases)) return [];
    const accepted = acceptedAt.get(key) ?? null;
    const way = { accepted, moves: facts.moves.get(orderId) ?? [], cases };
    const problem = restProblem(order, cases) ?? delayProblem(way, healedAt);
    const isProbe = kind === 'fresh' && (accepted ?? 0) > (healedAt ?? 0);
    const freshProblem = isProbe ? endOfFresh(order) : null;
    return [problem, freshProblem].flatMap((each) => (each === null ? [] : [violation('liveness', orderId, each)]));
  });
}

function waitsByNature(kind: OrderKindName | undefined, cases: readonly CaseFact[]): boolean {
  return kind !== undefined && PARKED.includes(kind) && cases.some(({ resolvedAt }) => resolvedAt === null);
}

/** Milliseconds since 1970; null without a fault that was healed. */
function lastHealOf({ entries }: Pick<RunFacts, 'entries'>): number | null {
  const heals = faultsOf(entries).flatMap(({ healedAt }) => (healedAt === null ? [] : [healedAt]));
  return heals.length === 0 ? null : Math.max(...heals);
}

function restProblem({ status, ownerId }: OrderFact, cases: readonly CaseFact[]): string | null {
  const open = cases.find(({ resolvedAt }) => resolvedAt === null);
  if (open !== undefined) return `it is parked at ${open.step} with ${open.errorCode}, which nobody has planted`;
  if (!isAtRest(status)) return `it is ${status}, and nothing brings it on`;
  return ownerId === null ? null : `it is ${status}, and a command still owns it`;
}

interface Way {
  /** When a client had the 202, in milliseconds since 1970; null when no answer arrived. */
  readonly accepted: number | null;
  readonly moves: readonly MoveFact[];
  readonly cases: readonly CaseFact[];
}

/**
 * An order that was in motion at the last heal, or accepted and not opened yet, has come to rest in time. The time in
 * which it was parked does not count.
 */
function delayProblem({ accepted, moves, cases }: Way, healedAt: number | null): string | null {
  if (healedAt === null) return null;
  const entered = moves.findLast(({ at }) => at <= healedAt);
  const isWaiting = entered === undefined ? accepted !== null && accepted <= healedAt : !isAtRest(entered.to);
  if (!isWaiting) return null;
  const rest = moves.find(({ at, to }) => at > healedAt && isAtRest(to));
  if (rest === undefined) return null;
  const parkedMs = cases.reduce(
    (sum, { openedAt, resolvedAt }) => sum + Math.max(0, (resolvedAt ?? rest.at) - Math.max(openedAt, healedAt)),
    0,
  );
  const tookMs = rest.at - healedAt - parkedMs;
  return tookMs > REST_WITHIN_MS ? `it came to rest ${Math.round(tookMs / 1_000)} s after the last heal` : null;
}

/** An order of the same kind that a burst has placed while faults were on may have met them. */
function endOfFresh({ status, reason }: OrderFact): string | null {
  if (status === 'CONFIRMED' || reason === 'out_of_stock') return null;
  return `it was placed on the healed system, and is ${status}`;
}
