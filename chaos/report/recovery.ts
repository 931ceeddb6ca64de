import { isAtRest } from '../../src/domain/order-status.ts';
import { kindsByKey } from '../checker/ends.ts';
import type { RunFacts } from '../checker/facts.ts';
import { FAULT_KINDS } from '../faults/catalog.ts';
import { acceptedByKey, faultsOf, type FaultNote } from '../history.ts';
import type { OrderKindName } from '../workload/order-plans.ts';

/** How long orders stood still because of faults of one kind; times in milliseconds, 0 orders have none. */
export interface Recovery {
  readonly kind: string;
  readonly faults: number;
  /** Ordinary orders that were in motion while a fault of this kind was on. */
  readonly orders: number;
  /** From the begin of the fault, or from the order's acceptance if that was later, until the order was at rest. */
  readonly fromBegin: Quantiles | null;
  /** From the heal, 0 for orders that came to rest before. */
  readonly fromHeal: Quantiles | null;
}

/** Quantiles in milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Orders that nothing but the system's own faults can delay. */
const ORDINARY: readonly OrderKindName[] = ['plain', 'declined', 'fresh'];

/** The recovery from each kind of fault. Other faults may be on at the same time, and then count for both kinds. */
export function measureRecovery(facts: RunFacts): Recovery[] {
  const ways = ordinaryWays(facts);
  const byKind = Map.groupBy(faultsOf(facts.entries), nameOf);
  return [...byKind]
    .map(([kind, faults]) => {
      const delays = faults.flatMap((fault) => delaysBy(fault, ways));
      return {
        kind,
        faults: faults.length,
        orders: delays.length,
        fromBegin: quantilesOf(delays.map(({ fromBegin }) => fromBegin)),
        fromHeal: quantilesOf(delays.map(({ fromHeal }) => fromHeal)),
      };
    })
    .toSorted((one, other) => one.kind.localeCompare(other.kind));
}

/** Killed processes are told apart by what they are, because each has a limit of its own. */
function nameOf({ kind, target }: FaultNote): string {
  return kind === 'kill' ? `kill at ${target.replace(/-\d+$/, '')}` : kind;
}

/** When an order was accepted, and when it came to rest. */
interface Way {
  readonly from: number;
  readonly to: number;
}

/** Orders that wait for the repair after the run say nothing about how the system recovers. */
function repairedLater(entries: RunFacts['entries']): Set<string> {
  const kinds = new Set(FAULT_KINDS.filter(({ needsRepair = false }) => needsRepair).map(({ name }) => name));
  return new Set(entries.flatMap(({ op, order }) => (kinds.has(op) && order !== null ? [order] : [])));
}

function ordinaryWays({ orders, moves, entries }: RunFacts): Way[] {
  const kinds = kindsByKey(entries);
  const acceptedAt = acceptedByKey(entries);
  const struck = repairedLater(entries);
  return [...orders.values()].flatMap(({ orderId, key }) => {
    const from = acceptedAt.get(key);
    const rest = moves.get(orderId)?.find(({ to }) => isAtRest(to));
    const isOrdinary = ORDINARY.includes(kinds.get(key) ?? 'raced') && !struck.has(orderId);
    return from === undefined || rest === undefined || !isOrdinary ? [] : [{ from, to: rest.at }];
  });
}

function delaysBy({ begunAt, healedAt }: FaultNote, ways: readonly Way[]) {
  const endAt = healedAt ?? begunAt;
  return ways
    .filter(({ from, to }) => from <= endAt && to >= begunAt)
    .map(({ from, to }) => ({
      fromBegin: Math.max(0, to - Math.max(begunAt, from)),
      fromHeal: Math.max(0, to - endAt),
    }));
}

/** Null without a value. */
export function quantilesOf(values: readonly number[]): Quantiles | null {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return sorted.length === 0 ? null : { p50: at(0.5), p99: at(0.99), max: at(1) };
}
