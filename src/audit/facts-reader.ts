import type { Client } from '@temporalio/client';
import type { Databases } from '../../db/client.ts';
import {
  createAuditRepository,
  type AuditRepository,
  type AuditScope,
  type ClosingDifference,
  type MovedFigures,
  type OrdersPage,
  type OrdersSlice,
  type SkuFigures,
  type StrayMovement,
  type TenantSku,
} from '../../db/repositories/audit/audit-repository.ts';
import {
  createEventAuditRepository,
  type ConsumerFigures,
  type EventStretch,
  type PartitionFigures,
} from '../../db/repositories/events/event-audit-repository.ts';
import type { OrderExecutions, LedgerEntry, OrderFacts } from './facts.ts';
import { createLedgerReader } from './ledger-reader.ts';
import { reading } from './source-error.ts';
import { createWorkflowReader } from './workflow-reader.ts';

/** Where the facts are. */
export interface FactsSources {
  readonly databases: Databases;
  /** The client for the namespace that is read. */
  readonly client: Client;
  /** The simulator's address, as in `PAYMENT_GATEWAY_URL`; null for a provider that does not show its ledger. */
  readonly paymentGatewayUrl: string | null;
}

/** Joins in code what SQL must not join. All methods throw {@link SourceUnavailableError}. */
export interface FactsReader {
  /**
   * Facts of every order id in any source, a page at a time. The provider and visibility are read once, before the
   * first page. So facts of orders that move meanwhile do not fit together: a difference is a suspicion, not a proof.
   */
  pages(pageSize: number): AsyncGenerator<OrderFacts[]>;
  /**
   * Present facts of some orders, read from cause to effect: a workflow that is seen closed has written all its rows
   * before they are read, and a row that is seen at rest has all its effects.
   */
  fresh(orderIds: readonly string[]): Promise<OrderFacts[]>;
  /** The ids of the orders with a row that follow an id, sorted. */
  idsAfter(orderId: string, limit: number): Promise<string[]>;
  /** Some of the SKUs that these orders name. */
  skusOf(orderIds: readonly string[], limit: number): Promise<TenantSku[]>;
  skuFigures(): Promise<SkuFigures[]>;
  /** Figures of some SKUs, without those that have more movements than the limit. */
  movedFigures(skus: readonly TenantSku[], movementsMax: number): Promise<MovedFigures[]>;
  strayMovements(): Promise<StrayMovement[]>;
  closingDifferences(): Promise<ClosingDifference[]>;
  doubledOrders(): Promise<string[]>;
  /** The figures of all kept events, or of a stretch of each partition. */
  eventPartitions(stretch?: EventStretch): Promise<PartitionFigures[]>;
  eventConsumers(stretch?: EventStretch): Promise<ConsumerFigures[]>;
}

/** The reader keeps nothing between calls. */
export function createFactsReader({ databases, client, paymentGatewayUrl }: FactsSources): FactsReader {
  const rows = createAuditRepository(databases);
  const events = createEventAuditRepository(databases.events);
  const ledger = paymentGatewayUrl === null ? null : createLedgerReader(paymentGatewayUrl);
  const workflows = createWorkflowReader(client);

  async function fresh(orderIds: readonly string[]): Promise<OrderFacts[]> {
    const executions = await workflows.describe(orderIds);
    const slice = await reading('the orders database', rows.listOrders(orderIds));
    const effects = await readEffects(rows, { orderIds });
    return join(orderIds, { slice, effects, ledger: (await ledger?.listOf(orderIds)) ?? null, executions });
  }

  async function* pages(pageSize: number): AsyncGenerator<OrderFacts[]> {
    const entries = (await ledger?.list()) ?? null;
    const executions = await workflows.list();
    let after: string | null = '';
    while (after !== null) {
      const { scope, ...slice }: OrdersPage = await reading('the orders database', rows.pageOrders(after, pageSize));
      const effects = await readEffects(rows, scope);
      const orderIds = idsOf(slice, effects);
      yield join(orderIds, { slice, effects, ledger: entries, executions });
      for (const known of [entries, executions]) for (const id of orderIds) known?.delete(id);
      after = scope.upTo;
    }
    // The remaining ids are known only to the provider or to Temporal.
    const left = [...new Set([...(entries?.keys() ?? []), ...executions.keys()])];
    for (let at = 0; at < left.length; at += pageSize) yield fresh(left.slice(at, at + pageSize));
  }

  return {
    pages,
    fresh,
    idsAfter: (orderId, limit) => reading('the orders database', rows.listOrderIds(orderId, limit)),
    skusOf: (orderIds, limit) => reading('the orders database', rows.listSkusOf(orderIds, limit)),
    skuFigures: () => reading('the inventory database', rows.listSkuFigures()),
    movedFigures: (skus, movementsMax) => reading('the inventory database', rows.listMovedFigures(skus, movementsMax)),
    strayMovements: () => reading('the inventory database', rows.listStrayMovements()),
    closingDifferences: () => reading('the inventory database', rows.listClosingDifferences()),
    doubledOrders: () => reading('the orders database', rows.listDoubledOrders()),
    eventPartitions: (stretch) => reading('the events database', events.listPartitions(stretch)),
    eventConsumers: (stretch) => reading('the events database', events.listConsumers(stretch)),
  };
}

/** Rows of the schemas that contain an order's effects. */
type Effects = Pick<OrderFacts, 'reservations' | 'operations'> & {
  readonly balances: readonly NonNullable<OrderFacts['balance']>[];
  readonly messages: readonly { readonly orderId: string; readonly tenantId: string }[];
};

/** Stock is read before money: a line that is seen committed was paid before. */
async function readEffects(rows: AuditRepository, scope: AuditScope): Promise<Effects> {
  const reservations = await reading('the inventory database', rows.listReservations(scope));
  const payments = await reading('the payments database', rows.listPayments(scope));
  const messages = await reading('the notifications database', rows.listMessages(scope));
  return { reservations, ...payments, messages };
}

function idsOf(slice: OrdersSlice, effects: Effects): string[] {
  const rows = [...Object.values(slice), ...Object.values(effects)] as (readonly { readonly orderId: string }[])[];
  return [...new Set(rows.flatMap((some) => some.map(({ orderId }) => orderId)))];
}

const NO_EXECUTIONS: OrderExecutions = { workflow: null, commandExecutions: [] };

/** The facts about some orders, by source. */
interface Sources {
  readonly slice: OrdersSlice;
  readonly effects: Effects;
  /** Null when the provider does not show its ledger. */
  readonly ledger: ReadonlyMap<string, readonly LedgerEntry[]> | null;
  readonly executions: ReadonlyMap<string, OrderExecutions>;
}

function join(orderIds: readonly string[], { slice, effects, ledger, executions }: Sources): OrderFacts[] {
  const order = firstOf(slice.orders);
  const balance = firstOf(effects.balances);
  const lines = allOf(slice.lines);
  const events = allOf(slice.events);
  const cases = allOf(slice.cases);
  const commands = allOf(slice.commands);
  const reservations = allOf(effects.reservations);
  const operations = allOf(effects.operations);
  const messages = allOf(effects.messages);
  return orderIds.map((orderId) => ({
    orderId,
    order: order(orderId),
    lines: lines(orderId),
    events: events(orderId),
    cases: cases(orderId),
    commands: commands(orderId),
    reservations: reservations(orderId),
    operations: operations(orderId),
    balance: balance(orderId),
    messages: messages(orderId),
    ledger: ledger === null ? null : (ledger.get(orderId) ?? []),
    ...(executions.get(orderId) ?? NO_EXECUTIONS),
  }));
}

function allOf<Row extends { readonly orderId: string }>(rows: readonly Row[]): (orderId: string) => readonly Row[] {
  const grouped = Map.groupBy(rows, ({ orderId }) => orderId);
  return (orderId) => grouped.get(orderId) ?? [];
}

function firstOf<Row extends { readonly orderId: string }>(rows: readonly Row[]): (orderId: string) => Row | null {
  const all = allOf(rows);
  return (orderId) => all(orderId)[0] ?? null;
}
