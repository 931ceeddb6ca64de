import { orderIdFor } from '../../src/domain/ids.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import type { HistoryEntry, NewEntry } from '../history.ts';
import { CANARY } from '../workload/order-plans.ts';
import type { CommandFact, LedgerFact, MoveFact, OrderFact, RunFacts } from './facts.ts';

/** The time of the first line, in milliseconds since 1970. */
export const STARTED_AT = 1_800_000_000_000;

/** A secret of the subscription that every sound run has. */
export const SECRET = `whsec_${Buffer.from('a-secret-of-a-merchant').toString('base64')}`;

/** A line of a history, one millisecond after the one before. */
export function lines(...entries: readonly (NewEntry & { readonly at?: number })[]): HistoryEntry[] {
  return entries.map(({ key = null, order = null, status = null, data = {}, at, ...entry }, index) => ({
    at: at ?? STARTED_AT + index,
    ...entry,
    key,
    order,
    status,
    data,
  }));
}

/** One order that a client has posted, been answered and read, and its row, its history and its money. */
export interface OrderCase {
  readonly key?: string;
  readonly kind?: string;
  readonly status?: OrderStatus;
  readonly reason?: string | null;
  readonly captureMode?: string;
  readonly ledger?: readonly Pick<LedgerFact, 'kind' | 'amountMinor'>[];
  readonly commands?: readonly Omit<CommandFact, 'orderId'>[];
  /** Lines after the 202. */
  readonly later?: readonly NewEntry[];
}

/** The total of every order, in minor units. */
export const TOTAL = 1_000;

/** The facts of a run with one order, in which every promise was kept, but for what the case says otherwise. */
export function runWith(told: OrderCase = {}, changes: Partial<RunFacts> = {}): RunFacts {
  const { key = 'order-1', status = 'CONFIRMED' } = told;
  const orderId = orderIdFor('demo', key);
  const order = orderOf(told, orderId, key);
  const moves: MoveFact[] = [
    { orderId, seq: 1, to: 'PENDING', at: STARTED_AT },
    { orderId, seq: 2, to: status, at: STARTED_AT + 50 },
  ];
  const ledger = told.ledger ?? (status === 'CONFIRMED' ? [{ kind: 'sale', amountMinor: TOTAL }] : []);
  const name = 'order-confirmed';
  const isTold = status === 'CONFIRMED';
  const mail = { messageId: `<${orderId}.${name}@order-saga.local>`, orderId, to: `${CANARY}.1@example.com` };
  return {
    entries: historyOf(told, orderId, key),
    orders: new Map([[orderId, order]]),
    moves: new Map([[orderId, moves]]),
    commands: new Map([[orderId, (told.commands ?? []).map((command) => ({ orderId, ...command }))]]),
    cases: [],
    decisions: [],
    ledger: new Map([[orderId, ledger.map((entry, at) => ledgerEntry(orderId, entry, at))]]),
    events: new Map(),
    deliveries: [],
    received: [],
    messages: isTold ? [{ orderId, name, channel: 'email', state: 'SENT' }] : [],
    mails: isTold ? [mail] : [],
    counts: {},
    ...changes,
  };
}

function orderOf(
  { status = 'CONFIRMED', reason = null, captureMode = 'automatic' }: OrderCase,
  orderId: string,
  key: string,
) {
  const order: OrderFact = {
    orderId,
    tenantId: 'demo',
    key,
    status,
    reason,
    totalMinor: TOTAL,
    captureMode,
    ownerId: null,
  };
  return order;
}

function historyOf({ kind = 'plain', later = [] }: OrderCase, orderId: string, key: string): HistoryEntry[] {
  const post = { who: 'demo/shop', op: 'create', key, data: { body: 'first', kind } } as const;
  return lines(
    { ...post, type: 'invoke' },
    { ...post, type: 'ok', status: 202, data: { ...post.data, id: orderId } },
    ...later.map((entry) => ({ order: orderId, ...entry })),
  );
}

function ledgerEntry(orderId: string, { kind, amountMinor }: Pick<LedgerFact, 'kind' | 'amountMinor'>, at: number) {
  const entry: LedgerFact = {
    orderId,
    key: `${orderId}:${kind}:${at + 1}`,
    kind,
    amountMinor,
    state: 'SUCCEEDED',
  };
  return entry;
}
