import type { AuditedEvent } from '../../../db/repositories/audit/audit-repository.ts';
import { ORDER_TRANSITIONS, type OrderStatus } from '../../domain/order-status.ts';
import type { OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/**
 * An event's time is the start of its statement, and a statement may wait up to 3 s (its time limit) for a locked row.
 * Only a larger difference is out of order.
 */
const WAIT_TOLERANCE_MS = 3_000;

/** I7: the history has no gap, takes only allowed edges, does not run backwards, and leads to the order's status. */
export function checkHistory({ order, events }: OrderFacts): Finding {
  if (order === null) return NOT_APPLICABLE;
  const problems = [...sequenceProblems(events, order.version), ...timeProblems(events)];
  let reached: OrderStatus | null = null;
  for (const { seq, from, to } of events) {
    if (to === null) continue;
    // I8 checks what follows a terminal status.
    if (reached === null || !isTerminal(reached)) problems.push(...edgeProblems(reached, { seq, from, to }));
    reached = to;
  }
  if (reached !== order.status) problems.push(`its events lead to ${reached}, but it is ${order.status}`);
  return { checked: 1, problems };
}

function sequenceProblems(events: readonly AuditedEvent[], version: number): string[] {
  const gap = events.findIndex(({ seq }, index) => seq !== index + 1);
  if (gap !== -1) return [`event ${gap + 1} is missing`];
  return events.length === version ? [] : [`it has ${events.length} events, but version ${version}`];
}

function timeProblems(events: readonly AuditedEvent[]): string[] {
  return events.flatMap(({ seq, at }, index) => {
    const before = events[index - 1];
    if (before === undefined || at.getTime() >= before.at.getTime() - WAIT_TOLERANCE_MS) return [];
    return [`event ${seq} is earlier than the one before it`];
  });
}

interface Edge {
  readonly seq: number;
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
}

function edgeProblems(reached: OrderStatus | null, { seq, from, to }: Edge): string[] {
  if (from !== reached) return [`event ${seq} starts from ${from}, but the order was ${reached}`];
  const allowed = from === null ? to === 'PENDING' : ORDER_TRANSITIONS[from].includes(to);
  return allowed ? [] : [`event ${seq} leads from ${from} to ${to}`];
}

/** I8: a terminal status is the last one. */
export function checkTerminal({ events }: OrderFacts): Finding {
  const end = events.findIndex(({ to }) => to !== null && isTerminal(to));
  const terminal = events[end];
  if (terminal === undefined) return NOT_APPLICABLE;
  const problems = events
    .slice(end + 1)
    .filter(({ to }) => to !== null)
    .map(({ seq, to }) => `event ${seq} makes it ${to} after it was ${terminal.to}`);
  return { checked: 1, problems };
}

function isTerminal(status: OrderStatus): boolean {
  return ORDER_TRANSITIONS[status].length === 0;
}
