import type { CommandRepository, StoredCommand } from '../../../../db/repositories/orders/command-repository.ts';
import type {
  MessageAttempt,
  MessageRepository,
} from '../../../../db/repositories/notifications/message-repository.ts';
import type { NoticeRepository, StoredNotice } from '../../../../db/repositories/payments/notice-repository.ts';
import type {
  OperatorAction,
  OperatorActionRepository,
} from '../../../../db/repositories/audit/operator-action-repository.ts';
import type { OrderEventRecord, OrderRepository } from '../../../../db/repositories/orders/order-repository.ts';
import type {
  OperationChange,
  PaymentHistoryRepository,
  StoredAttempt,
} from '../../../../db/repositories/payments/payment-history-repository.ts';
import type {
  MovementKind,
  ReservationRepository,
  StockMovement,
} from '../../../../db/repositories/inventory/reservation-repository.ts';
import { isAtRest } from '../../../domain/order-status.ts';
import { wasAsked } from '../../../domain/payments/payment.ts';
import type { TimelineView } from '../order-schemas.ts';

export interface OrderTimelineDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly reservations: ReservationRepository;
  readonly paymentHistory: PaymentHistoryRepository;
  readonly messages: MessageRepository;
  readonly notices: NoticeRepository;
  readonly actions: OperatorActionRepository;
}

/** One entry of the timeline. */
export interface TimelineEntry extends Omit<OrderEventRecord, 'seq'> {
  readonly source: TimelineView['items'][number]['source'];
}

/**
 * The sequence of entries within one millisecond. Services have no common counter, so a cause stands before its effect:
 * stock is held before it is paid, and moves for good afterwards.
 */
const RANKS = { act: 0, hold: 1, money: 2, goods: 3, outcome: 4, news: 5 } as const;
type Rank = (typeof RANKS)[keyof typeof RANKS];

interface Ranked {
  readonly entry: TimelineEntry;
  readonly rank: Rank;
}

/**
 * Everything that happened to an order, in the order in which it happened; empty until the order is opened. Sources
 * only grow, and the place of an entry depends on nothing that changes, so an entry always has the same place among the
 * others.
 */
export async function readTimeline(
  deps: OrderTimelineDeps,
  tenantId: string,
  orderId: string,
): Promise<TimelineEntry[]> {
  const events = await deps.orders.timeline(tenantId, orderId);
  if (events.length === 0) return [];
  const [commands, movements, attempts, changes, messages, notices, actions] = await Promise.all([
    deps.commands.listByOrder(tenantId, orderId),
    deps.reservations.listMovements(tenantId, orderId),
    deps.paymentHistory.listAttempts(orderId),
    deps.paymentHistory.listChanges(orderId),
    deps.messages.listAttempts(tenantId, orderId),
    deps.notices.listByOrder(orderId),
    deps.actions.listByOrder(tenantId, orderId),
  ]);
  return merge([
    actions.map((action) => ranked('act', entryOfAction(action))),
    commands.map((command) => ranked('act', entryOfCommand(command))),
    events.map(({ seq, ...event }) => ranked(rankOfEvent(event), { ...event, source: 'order' })),
    movements.map((movement) => ranked(movement.kind === 'hold' ? 'hold' : 'goods', entryOfMovement(movement))),
    entriesOfPayments(attempts, changes),
    messages.map((attempt) => ranked('news', entryOfMessage(attempt))),
    notices
      .flatMap(entriesOfNotice)
      .toSorted(byTime)
      .map((entry) => ranked('news', entry)),
  ]);
}

/**
 * Merges by time and rank. Entries of one source keep their own order, even if a later entry has an earlier time,
 * because its transaction began earlier and had to wait.
 */
function merge(sources: readonly (readonly Ranked[])[]): TimelineEntry[] {
  const placed = sources.flatMap((source) => {
    let at = 0;
    let rank: Rank = RANKS.act;
    return source.map((each) => {
      const ownAt = each.entry.at.getTime();
      if (ownAt > at) [at, rank] = [ownAt, each.rank];
      else if (each.rank > rank) rank = each.rank;
      return { entry: each.entry, at, rank };
    });
  });
  return placed.toSorted((one, other) => one.at - other.at || one.rank - other.rank).map(({ entry }) => entry);
}

function ranked(rank: keyof typeof RANKS, entry: TimelineEntry): Ranked {
  return { entry, rank: RANKS[rank] };
}

/** Ends of commands that do not change the status. */
const ENDS = ['case.opened', 'order.captured', 'order.capture_failed', 'order.given_back'];

/** The end of a command follows the effects that prove it; its beginning goes before them. */
function rankOfEvent({ type, from, to }: Omit<OrderEventRecord, 'seq'>): keyof typeof RANKS {
  return ENDS.includes(type) || (to !== null && to !== from && isAtRest(to)) ? 'outcome' : 'act';
}

const UNMOVED = { from: null, to: null } as const;

function entryOfAction({
  action,
  actor,
  subject,
  reason,
  before,
  after,
  at,
}: OperatorAction & { at: Date }): TimelineEntry {
  const data = withoutGaps({
    subject,
    reason,
    step: before?.['step'],
    errorCode: before?.['errorCode'],
    method: (after?.['patch'] as { method?: string } | null | undefined)?.method,
    evidence: after?.['evidence'],
  });
  return { ...UNMOVED, source: 'operator', at, type: action, actor, data };
}

function entryOfCommand({
  kind,
  actor,
  commandId,
  amountMinor,
  reason,
  decision,
  answeredAt,
}: StoredCommand): TimelineEntry {
  const data = withoutGaps({ commandId, decision, amountMinor, reason });
  return { ...UNMOVED, source: 'command', at: answeredAt, type: `command.${kind}`, actor, data };
}

const MOVEMENT_TYPES: Readonly<Record<MovementKind, string>> = {
  initial: 'stock.initial',
  adjustment: 'stock.adjusted',
  hold: 'stock.held',
  commit: 'stock.committed',
  release: 'stock.released',
  expire: 'stock.expired',
  restock: 'stock.restocked',
};

function entryOfMovement({ kind, sku, onHandDelta, reservedDelta, actor, at }: StockMovement): TimelineEntry {
  return {
    ...UNMOVED,
    source: 'stock',
    at,
    type: MOVEMENT_TYPES[kind],
    actor,
    data: { sku, onHandDelta, reservedDelta },
  };
}

/** A call stands before the state that it has caused. */
function entriesOfPayments(attempts: readonly StoredAttempt[], changes: readonly OperationChange[]): Ranked[] {
  const entries = [
    ...attempts.map((attempt) => ({ atMs: attempt.atMs, entry: entryOfAttempt(attempt) })),
    ...changes.filter(wasAsked).map((change) => ({ atMs: change.atMs, entry: entryOfChange(change) })),
  ];
  return entries.toSorted((one, other) => one.atMs - other.atMs).map(({ entry }) => ranked('money', entry));
}

function entryOfAttempt(attempt: StoredAttempt): TimelineEntry {
  const { at, atMs, attemptId, orderId, number, ...call } = attempt;
  const data = withoutGaps({ attempt: number, ...call });
  return { ...UNMOVED, source: 'payment', at, type: 'payment.attempt', actor: 'system', data };
}

function entryOfChange({ at, atMs, kind, state, ...change }: OperationChange): TimelineEntry {
  const type = `payment.${kind}_${state.toLowerCase()}`;
  return { ...UNMOVED, source: 'payment', at, type, actor: 'payment provider', data: { ...change } };
}

function entryOfMessage({ template, occurrence, channel, attempt, outcome, at }: MessageAttempt): TimelineEntry {
  const type = `message.${outcome.toLowerCase()}`;
  return {
    ...UNMOVED,
    source: 'message',
    at,
    type,
    actor: 'system',
    data: { template, occurrence, channel, attempts: attempt },
  };
}

/** A report and, once it is decided, its outcome. */
function entriesOfNotice(notice: StoredNotice): TimelineEntry[] {
  const { provider, eventId, kind, key, amountMinor, currency, outcome, occurredAt, receivedAt, appliedAt } = notice;
  const common = { ...UNMOVED, source: 'webhook' } as const;
  const reported: TimelineEntry = {
    ...common,
    at: receivedAt,
    type: `webhook.${kind}`,
    actor: provider,
    data: { eventId, key, amountMinor, currency, occurredAt: occurredAt.toISOString() },
  };
  if (appliedAt === null) return [reported];
  return [
    reported,
    { ...common, at: appliedAt, type: 'webhook.applied', actor: 'system', data: { eventId, key, outcome } },
  ];
}

function byTime(one: TimelineEntry, other: TimelineEntry): number {
  return one.at.getTime() - other.at.getTime();
}

function withoutGaps(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null && value !== undefined));
}
