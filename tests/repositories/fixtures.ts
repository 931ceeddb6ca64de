import { randomUUID } from 'node:crypto';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import type { NewOrder } from '../../db/repositories/orders/order-repository.ts';
import {
  createReservationRepository,
  type HoldRequest,
  type ReservationRepository,
} from '../../db/repositories/inventory/reservation-repository.ts';
import type { OrderLine } from '../../src/domain/order.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

/** An id that no other test uses. */
export function freshId(prefix = 'ord'): string {
  return `${prefix}_${randomUUID()}`;
}

/** An order in the form in which the first step stores it. */
export function newOrder(changes: Partial<NewOrder> = {}): NewOrder {
  return {
    orderId: freshId(),
    tenantId: 'demo',
    idempotencyKey: freshId('key'),
    requestHash: 'hash',
    firstExecutionRunId: 'run-1',
    correlationId: 'correlation',
    request: {
      customerId: 'cust_42',
      currency: 'EUR',
      lines: [{ sku: 'SKU-0001', quantity: 2 }],
      paymentMethod: 'pm_ok',
      captureMode: 'automatic',
      expectedTotalMinor: null,
      reference: null,
    },
    sealedContact: null,
    ...changes,
  };
}

/** Price of one piece of every product in a shop. */
export const PRICE_MINOR = 1_000;

/** A tenant for one test, with its own catalog. */
export interface Shop {
  readonly tenantId: string;
  readonly reservations: ReservationRepository;
  /** Holds for half an hour, priced in EUR, at any total; `changes` overrides this. */
  hold(orderId: string, lines: readonly OrderLine[], changes?: Partial<HoldRequest>): Promise<boolean>;
  /** Stock figures by SKU, as `[onHand, reserved]`. */
  figures(): Promise<Record<string, [number, number]>>;
  /** Reservation states of one order by SKU. */
  statesOf(orderId: string): Promise<Record<string, string>>;
}

/** Opens a shop with the given number of pieces of each SKU. */
export async function openShop(database: TestDatabase, pieces: Readonly<Record<string, number>>): Promise<Shop> {
  const tenantId = freshId('tenant');
  const reservations = createReservationRepository(database.databases.inventory);
  await createCatalogRepository(database.databases.inventory).seed(
    tenantId,
    Object.entries(pieces).map(([sku, onHand]) => ({
      sku,
      name: sku,
      priceMinor: PRICE_MINOR,
      currency: 'EUR',
      onHand,
    })),
  );
  return {
    tenantId,
    reservations,
    hold: async (orderId, lines, changes = {}) => {
      const request = { orderId, tenantId, currency: 'EUR', lines, expectedTotalMinor: null, ttlSeconds: 1_800 };
      return (await reservations.hold({ ...request, ...changes })).held;
    },
    figures: async () => {
      const rows = await database.query<{ sku: string; figures: [number, number] }>(
        'SELECT sku, ARRAY[on_hand::integer, reserved::integer] AS figures FROM inventory.stock WHERE tenant_id = $1 ORDER BY sku',
        [tenantId],
      );
      return Object.fromEntries(rows.map(({ sku, figures }) => [sku, figures]));
    },
    statesOf: async (orderId) => {
      const stored = await reservations.listByOrder([orderId]);
      return Object.fromEntries(stored.map(({ sku, state }) => [sku, state]));
    },
  };
}

/** SKUs of a tenant whose figures differ from their movements or from their holds; there must never be any. */
export function listBrokenFigures(database: TestDatabase, tenantId: string): Promise<{ sku: string }[]> {
  return database.query<{ sku: string }>(
    `SELECT s.sku, s.on_hand, s.reserved, moved.on_hand AS moved_on_hand, moved.reserved AS moved_reserved, held.pieces
     FROM inventory.stock s
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(on_hand_delta), 0) AS on_hand, coalesce(sum(reserved_delta), 0) AS reserved
       FROM inventory.stock_movements m WHERE m.tenant_id = s.tenant_id AND m.sku = s.sku) moved
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(quantity), 0) AS pieces FROM inventory.reservations r
       WHERE r.tenant_id = s.tenant_id AND r.sku = s.sku AND r.state = 'HELD') held
     WHERE s.tenant_id = $1
       AND (s.on_hand <> moved.on_hand OR s.reserved <> moved.reserved OR s.reserved <> held.pieces)`,
    [tenantId],
  );
}

/** Races need more connections than other tests. */
const RACING_CONNECTIONS = 40;

export function createRacingDatabase(): Promise<TestDatabase> {
  return createTestDatabase(RACING_CONNECTIONS);
}

/** Runs `count` acts, and only as many at once as there are connections for, so that none fails without one. */
export async function times<Result>(
  count: number,
  act: (index: number) => Promise<Result>,
  connectionsEach = 1,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await act(index);
  };
  await Promise.all(Array.from({ length: RACING_CONNECTIONS / connectionsEach }, lane));
  return results;
}
