import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { orderIdFor } from '../../../src/domain/ids.ts';
import { EVIDENCE_PREFIX } from '../../../src/domain/payments/payment.ts';
import { ORDER_TRANSITIONS, type OrderStatus } from '../../../src/domain/order-status.ts';
import { orderWorkflowId, type OrderWorkflowResult } from '../../../src/workflows/contract.ts';
import { untilPatienceEnds } from './order-actions.ts';
import type { LedgerEntry, TestSystem } from '../system.ts';

/** The content of a reservation row. */
export interface ReservationEvidence {
  readonly sku: string;
  readonly quantity: number;
  readonly state: string;
}

/** The content of an event row. */
export interface EventEvidence {
  readonly seq: number;
  readonly type: string;
  readonly from: OrderStatus | null;
  readonly to: OrderStatus | null;
}

/** The content of a payment operation row. */
export interface OperationEvidence {
  readonly key: string;
  readonly kind: string;
  readonly amountMinor: number;
  readonly state: string;
  readonly providerRef: string | null;
}

/** Everything that is stored about one order, read by SQL and from the provider's ledger. */
export interface Evidence {
  readonly status: OrderStatus | null;
  readonly totalMinor: number | null;
  readonly events: readonly EventEvidence[];
  readonly reservations: readonly ReservationEvidence[];
  /** Stock movements of this order only. */
  readonly movements: readonly { readonly kind: string; readonly onHand: number; readonly reserved: number }[];
  readonly operations: readonly OperationEvidence[];
  readonly ledger: readonly LedgerEntry[];
  readonly openCases: number;
  /** The command that moves the order's money. */
  readonly ownerId: string | null;
}

/** An idempotency key and the order id that it leads to, so that faults can wait for the order. */
export function plannedOrder(): { readonly key: string; readonly orderId: string } {
  const key = randomUUID();
  return { key, orderId: orderIdFor('demo', key) };
}

/** Stock figures of one SKU. */
export async function stockOf(system: TestSystem, sku: string): Promise<{ onHand: number; reserved: number }> {
  const [row] = await system.database.query<{ onHand: number; reserved: number }>(
    `SELECT on_hand AS "onHand", reserved FROM inventory.stock WHERE tenant_id = 'demo' AND sku = $1`,
    [sku],
  );
  if (row === undefined) throw new RangeError(`no stock of ${sku}`);
  return row;
}

/** Reads what is stored about an order. */
export async function evidenceOf(system: TestSystem, orderId: string): Promise<Evidence> {
  const rows = <Row>(text: string): Promise<Row[]> => system.database.query<Row>(text, [orderId]);
  const [[order], events, reservations, movements, operations, cases, ledger] = await Promise.all([
    rows<{ status: OrderStatus; totalMinor: string | null; ownerId: string | null }>(
      `SELECT status, total_minor AS "totalMinor", owner_command_id AS "ownerId" FROM orders.orders WHERE order_id = $1`,
    ),
    rows<EventEvidence>(
      `SELECT seq, type, from_status AS "from", to_status AS "to" FROM orders.order_events WHERE order_id = $1 ORDER BY seq`,
    ),
    rows<ReservationEvidence>(
      'SELECT sku, quantity, state FROM inventory.reservations WHERE order_id = $1 ORDER BY sku',
    ),
    rows<{ kind: string; onHand: number; reserved: number }>(
      `SELECT kind, on_hand_delta AS "onHand", reserved_delta AS reserved FROM inventory.stock_movements
       WHERE order_id = $1 ORDER BY movement_id`,
    ),
    rows<OperationEvidence>(
      `SELECT key, kind, amount_minor::integer AS "amountMinor", state, provider_ref AS "providerRef" FROM payments.operations WHERE order_id = $1`,
    ),
    rows<{ caseId: string }>(`SELECT case_id AS "caseId" FROM orders.cases WHERE order_id = $1 AND state = 'open'`),
    system.ledger(orderId),
  ]);
  const totalMinor = order?.totalMinor == null ? null : Number(order.totalMinor);
  const status = order?.status ?? null;
  const ownerId = order?.ownerId ?? null;
  return { status, totalMinor, events, reservations, movements, operations, ledger, openCases: cases.length, ownerId };
}

/**
 * Waits until the order's workflow is closed, then proves the end by the stored facts: status, timeline, stock, and
 * money at the provider and in the books (I2 to I7 and I10). Returns the evidence for further checks of a test.
 */
export async function proveEnd(system: TestSystem, orderId: string, status: OrderStatus): Promise<Evidence> {
  const handle = system.client.workflow.getHandle(orderWorkflowId(orderId));
  const result = (await handle.result()) as OrderWorkflowResult;
  // Command workflows have carried out everything after the sale.
  if (result.status !== 'CONFIRMED') expect(result.status).toBe(status);
  const evidence = await settledEvidenceOf(system, orderId);
  expect(evidence.status).toBe(status);
  expect(evidence.openCases).toBe(0);
  expect(evidence.ownerId).toBeNull();
  proveTimeline(evidence);
  proveBooks(evidence);
  if (status === 'CONFIRMED' || status.endsWith('REFUNDED')) proveSold(evidence);
  else proveNothingLeft(evidence);
  await proveStock(system, evidence);
  return evidence;
}

/**
 * Other workflows than the order's (of a command, of a notice) close their case a moment after its subject has ended.
 */
function settledEvidenceOf(system: TestSystem, orderId: string): Promise<Evidence> {
  return untilPatienceEnds(
    () => evidenceOf(system, orderId),
    ({ openCases, ownerId }) => openCases === 0 && ownerId === null,
    CASE_PATIENCE_MS,
  );
}

const CASE_PATIENCE_MS = 90_000;

/**
 * The timeline has no gap and only allowed transitions; each begins where the last one ended, and the last one ends at
 * the status.
 */
function proveTimeline({ status, events }: Evidence): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  let reached: OrderStatus | null = null;
  for (const { from, to } of events.filter((event) => event.to !== null)) {
    expect(from).toBe(reached);
    if (from !== null && to !== null) expect(ORDER_TRANSITIONS[from]).toContain(to);
    reached = to;
  }
  expect(reached).toBe(status);
}

/** The provider's ledger and the operations agree, row by row. */
function proveBooks({ ledger, operations }: Evidence): void {
  // The provider's ledger has movements that were made at the provider itself under its own reference.
  const keyOf = ({ key, providerRef }: Pick<OperationEvidence, 'key'> & { readonly providerRef?: string | null }) =>
    key.includes(':external:') ? providerRef : key;
  const row = (entry: Omit<OperationEvidence, 'providerRef'> & { readonly providerRef?: string | null }): string =>
    [keyOf(entry), entry.kind, entry.amountMinor, entry.state].join(' ');
  expect(operations.filter(({ state }) => state === 'UNKNOWN')).toEqual([]);
  const definite = operations.filter(
    // Refunds that were paid outside are not in the provider's ledger.
    ({ state, providerRef }) =>
      (state === 'SUCCEEDED' || state === 'DECLINED') && providerRef?.startsWith(EVIDENCE_PREFIX) !== true,
  );
  expect(definite.map(row).toSorted()).toEqual(ledger.map(row).toSorted());
}

function proveSold({ status, totalMinor, reservations, movements, operations }: Evidence): void {
  const taken = amountOf(operations, 'sale', 'capture');
  // With manual capture, only a part may be captured.
  if (amountOf(operations, 'authorize') === 0) expect(taken).toBe(totalMinor);
  if (totalMinor !== 0) expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThanOrEqual(totalMinor ?? 0);
  const refunded = amountOf(operations, 'refund');
  if (status === 'CONFIRMED') expect(refunded).toBe(0);
  if (status === 'REFUNDED') expect(refunded).toBe(taken);
  if (status === 'PARTIALLY_REFUNDED') expect(refunded).toBeGreaterThan(0);
  expect(refunded).toBeLessThanOrEqual(taken);
  expect(new Set(reservations.map(({ state }) => state))).toEqual(new Set(['COMMITTED']));
  const pieces = sumOf(reservations.map(({ quantity }) => quantity));
  expect(sumOf(movements.map(({ onHand }) => onHand))).toBe(-pieces);
  expect(sumOf(movements.map(({ reserved }) => reserved))).toBe(0);
}

/** No stock is held and no money is taken. */
function proveNothingLeft({ reservations, movements, operations, ledger }: Evidence): void {
  for (const { state } of reservations) expect(['RELEASED', 'EXPIRED']).toContain(state);
  expect(sumOf(movements.map(({ onHand }) => onHand))).toBe(0);
  expect(sumOf(movements.map(({ reserved }) => reserved))).toBe(0);
  const captured = amountOf(ledger, 'sale', 'capture');
  expect(captured - amountOf(operations, 'refund')).toBe(0);
  // Money that was only authorized was given back.
  if (captured === 0) expect(amountOf(ledger, 'authorize')).toBe(amountOf(ledger, 'void'));
}

/** The figures of the order's SKUs are the sums of all movements and of all holds. */
async function proveStock(system: TestSystem, { reservations }: Evidence): Promise<void> {
  const wrong = await system.database.query(
    `SELECT s.sku FROM inventory.stock s
     WHERE s.tenant_id = 'demo' AND s.sku = ANY ($1) AND (s.on_hand, s.reserved, s.reserved) IS DISTINCT FROM (
       (SELECT sum(on_hand_delta) FROM inventory.stock_movements m WHERE m.tenant_id = s.tenant_id AND m.sku = s.sku),
       (SELECT sum(reserved_delta) FROM inventory.stock_movements m WHERE m.tenant_id = s.tenant_id AND m.sku = s.sku),
       (SELECT coalesce(sum(quantity), 0) FROM inventory.reservations r
        WHERE r.tenant_id = s.tenant_id AND r.sku = s.sku AND r.state = 'HELD'))`,
    [reservations.map(({ sku }) => sku)],
  );
  expect(wrong).toEqual([]);
}

type Moved = { readonly kind: string; readonly state: string; readonly amountMinor: number };

function amountOf(rows: readonly Moved[], ...kinds: string[]): number {
  return sumOf(
    rows.filter((row) => kinds.includes(row.kind) && row.state === 'SUCCEEDED').map((row) => row.amountMinor),
  );
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
