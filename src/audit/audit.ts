import { setTimeout as sleep } from 'node:timers/promises';
import type { TenantSku } from '../../db/repositories/audit/audit-repository.ts';
import type { EventStretch } from '../../db/repositories/events/event-audit-repository.ts';
import { isAtRest } from '../domain/order-status.ts';
import { createFactsReader, type FactsReader, type FactsSources } from './facts-reader.ts';
import { openExecutions, type OrderFacts } from './facts.ts';
import type { Finding } from './invariants/finding.ts';
import { checkConsumer, checkPartition } from './invariants/events.ts';
import { INVARIANTS, ORDER_CHECKS, type InvariantId } from './invariants/index.ts';
import { checkMovedFigures, checkSkuFigures } from './invariants/stock.ts';

/** One broken rule. */
export interface Violation {
  readonly invariant: InvariantId;
  /** An order id, `tenant/sku`, `events/partition` or `consumer/partition`. */
  readonly subject: string;
  readonly message: string;
}

/** What one run has looked at and found. */
export interface AuditReport {
  readonly clean: boolean;
  readonly tookMs: number;
  /** Orders with a row. */
  readonly orders: number;
  /** Orders that were not at rest when they were read. */
  readonly inMotion: number;
  /** How many things each invariant was checked on. */
  readonly checked: Readonly<Record<InvariantId, number>>;
  /** Invariants that could not be checked, because their source is not readable. */
  readonly skipped: readonly InvariantId[];
  readonly violations: readonly Violation[];
}

/** How to audit; the defaults are for a live system. */
export interface AuditOptions {
  /**
   * How long, in milliseconds, an order that a workflow may still fix is read again before it is reported. Default 60
   * s: an order is at rest before its workflow is closed, and if the task between the two is lost with its worker,
   * Temporal gives it to another worker after 5 s, or later after several losses.
   */
  readonly patienceMs?: number;
  /** Called once, with the number of orders, when the audit begins to wait for them. */
  readonly onWait?: (orders: number) => void;
  /** Orders in memory at once; 1,000 by default: some megabytes. */
  readonly pageSize?: number;
}

/** Checks the invariants. */
export interface Audit {
  /**
   * Reads everything and changes nothing.
   * @throws {SourceUnavailableError} when a needed source is down.
   */
  run(): Promise<AuditReport>;
  /**
   * Checks a number of orders in their present state, SKUs of these orders, and a stretch of events. What it costs does
   * not grow with the system, and a small system is checked whole but for the provider's ledger, SKUs that no order
   * names, and holds that belong to no order.
   * @throws {SourceUnavailableError} when a needed source is down.
   */
  runPart(part: AuditedRange): Promise<PartialReport>;
}

/** Which part of a system is checked. */
export interface AuditedRange {
  /** The orders that follow this id, and after the last one the first ones. */
  readonly from: string;
  readonly ordersMax: number;
  /** Where the stretch of events lies, from 0 (the oldest that are kept) to 1 (the newest). */
  readonly eventPlace: number;
}

/** What a look at a part has found. */
export interface PartialReport {
  readonly orders: number;
  readonly skus: number;
  readonly violations: readonly Violation[];
}

/** Default patience. */
export const PATIENCE_MS = 60_000;
const PAGE_SIZE = 1_000;

/** SKUs of one part, and movements of each: two million rows, a second or two, at the most. */
const PART_SKUS = 20;
const PART_MOVEMENTS = 100_000;

/** Events of each partition in one part: of 16 partitions and two consumers some ten thousand rows, half a second. */
const PART_EVENTS = 500;

/** A wait of some seconds is announced. */
const WAITING_ROUND = 6;

/** Pause between two looks at the same orders. */
const LOOK_AGAIN_MS = 500;

/** Audits a whole system, all tenants; orders may be running meanwhile. */
export function createAudit(sources: FactsSources, options: AuditOptions = {}): Audit {
  const { patienceMs = PATIENCE_MS, pageSize = PAGE_SIZE, onWait = () => {} } = options;
  const reader = createFactsReader(sources);
  return {
    run: async () => {
      const started = performance.now();
      const tally = createTally();
      const suspects = await lookAtAll(reader, tally, pageSize);
      const violations = [
        ...(await checkStock(reader, tally)),
        ...(await checkPlaces(reader)),
        ...(await checkEvents(reader, tally)),
        ...(await confirm(reader, suspects, { patienceMs, pageSize, onWait })),
      ];
      const tookMs = Math.round(performance.now() - started);
      const skipped: readonly InvariantId[] = sources.paymentGatewayUrl === null ? ['I6'] : [];
      return { clean: violations.length === 0, tookMs, ...tally.totals(), skipped, violations };
    },
    runPart: (range) => checkPart(reader, range, { patienceMs, pageSize, onWait }),
  };
}

async function checkPart(
  reader: FactsReader,
  { from, ordersMax, eventPlace }: AuditedRange,
  options: Required<AuditOptions>,
): Promise<PartialReport> {
  const following = await reader.idsAfter(from, ordersMax);
  const first = await reader.idsAfter('', ordersMax - following.length);
  const orderIds = [...new Set([...following, ...first])];
  const skus = await reader.skusOf(orderIds, PART_SKUS);
  const violations = [
    ...(await checkMoved(reader, skus)),
    ...(await checkEvents(reader, createTally(), { length: PART_EVENTS, place: eventPlace })),
    ...(await confirm(reader, orderIds, options)),
  ];
  return { orders: orderIds.length, skus: skus.length, violations };
}

/** Counts the things that were checked. */
interface Tally {
  add(invariant: InvariantId, checked: number): void;
  addOrder(facts: OrderFacts): void;
  totals(): Pick<AuditReport, 'orders' | 'inMotion' | 'checked'>;
}

function createTally(): Tally {
  const checked: Record<string, number> = Object.fromEntries(Object.keys(INVARIANTS).map((id) => [id, 0]));
  let orders = 0;
  let inMotion = 0;
  return {
    add: (invariant, more) => {
      checked[invariant] = (checked[invariant] ?? 0) + more;
    },
    addOrder: ({ order }) => {
      if (order === null) return;
      orders += 1;
      if (!isAtRest(order.status)) inMotion += 1;
    },
    totals: () => ({ orders, inMotion, checked: { ...checked } as AuditReport['checked'] }),
  };
}

/** Looks at every order once, and returns the ids of those that look wrong. */
async function lookAtAll(reader: FactsReader, tally: Tally, pageSize: number): Promise<string[]> {
  const suspects: string[] = [];
  for await (const page of reader.pages(pageSize)) {
    for (const facts of page) {
      tally.addOrder(facts);
      if (judge(facts, tally).length > 0) suspects.push(facts.orderId);
    }
  }
  return suspects;
}

/** Reads suspects again in their present state, and again while they may still become right. */
async function confirm(
  reader: FactsReader,
  suspects: readonly string[],
  { patienceMs, pageSize, onWait }: Required<AuditOptions>,
): Promise<Violation[]> {
  const deadline = performance.now() + patienceMs;
  const confirmed: Violation[] = [];
  let open = suspects;
  for (let round = 1; open.length > 0; round += 1) {
    const isLast = performance.now() >= deadline;
    const again: string[] = [];
    for await (const facts of freshFacts(reader, open, pageSize)) {
      const found = judge(facts);
      if (found.length > 0 && !isLast && mayComeRight(facts)) again.push(facts.orderId);
      else confirmed.push(...found);
    }
    open = again;
    // Most suspects have only moved during the audit, and look right by now.
    if (round === WAITING_ROUND && open.length > 0) onWait(open.length);
    if (open.length > 0) await sleep(LOOK_AGAIN_MS);
  }
  return confirmed;
}

async function* freshFacts(
  reader: FactsReader,
  orderIds: readonly string[],
  pageSize: number,
): AsyncGenerator<OrderFacts> {
  for (let at = 0; at < orderIds.length; at += pageSize) yield* await reader.fresh(orderIds.slice(at, at + pageSize));
}

/** A workflow is running, or one that carries out a command may be: visibility, which lists those, lags behind. */
function mayComeRight(facts: OrderFacts): boolean {
  if (openExecutions(facts).length > 0) return true;
  const { order } = facts;
  return order !== null && order.status !== 'PENDING' && !isAtRest(order.status);
}

function judge(facts: OrderFacts, tally?: Tally): Violation[] {
  return Object.entries(ORDER_CHECKS).flatMap(([id, check]) => {
    const invariant = id as keyof typeof ORDER_CHECKS;
    const finding = check(facts);
    tally?.add(invariant, finding.checked);
    return toViolations(invariant, facts.orderId, finding);
  });
}

/** One snapshot of one schema needs no second look. */
async function checkStock(reader: FactsReader, tally: Tally): Promise<Violation[]> {
  const figures = (await reader.skuFigures()).flatMap((sku) => {
    const finding = checkSkuFigures(sku);
    tally.add('I2', finding.checked);
    return toViolations('I2', `${sku.tenantId}/${sku.sku}`, finding);
  });
  const strays = (await reader.strayMovements()).map(({ orderId, sku, movementTenantId, reservationTenantId }) => ({
    invariant: 'I9' as const,
    subject: orderId,
    message: `a movement of ${sku} carries tenant ${movementTenantId}, its reservation ${reservationTenantId}`,
  }));
  const closing = (await reader.closingDifferences()).map(({ tenantId, sku, entry, sums }) => ({
    invariant: 'I2' as const,
    subject: `${tenantId}/${sku}`,
    message: `its closing entry (on hand, reserved, sold) is ${entry}, its archived rows come to ${sums}`,
  }));
  return [...figures, ...strays, ...closing];
}

/** An order is in one place. Its other rows are keyed by it, so rows of one order in both places are one order's. */
async function checkPlaces(reader: FactsReader): Promise<Violation[]> {
  const doubled = await reader.doubledOrders();
  return doubled.map((subject) => ({
    invariant: 'I1' as const,
    subject,
    message: 'it is among the hot orders and in the archive',
  }));
}

async function checkMoved(reader: FactsReader, skus: readonly TenantSku[]): Promise<Violation[]> {
  const figures = await reader.movedFigures(skus, PART_MOVEMENTS);
  return figures.flatMap((sku) => toViolations('I2', `${sku.tenantId}/${sku.sku}`, checkMovedFigures(sku)));
}

/** Results and cursors are written together, so one snapshot is consistent at any load. */
async function checkEvents(reader: FactsReader, tally: Tally, stretch?: EventStretch): Promise<Violation[]> {
  const partitions = (await reader.eventPartitions(stretch)).flatMap((figures) => {
    const finding = checkPartition(figures);
    tally.add('I12', finding.checked);
    return toViolations('I12', `events/${figures.partition}`, finding);
  });
  const consumers = (await reader.eventConsumers(stretch)).flatMap((figures) => {
    const finding = checkConsumer(figures);
    tally.add('I13', finding.checked);
    return toViolations('I13', `${figures.consumer}/${figures.partition}`, finding);
  });
  return [...partitions, ...consumers];
}

function toViolations(invariant: InvariantId, subject: string, { problems }: Finding): Violation[] {
  return problems.map((message) => ({ invariant, subject, message }));
}
