import type { Database, Statement } from '../client.ts';

/** Rows that belong to orders and are forgotten some time after these have ended. */
export interface OrderRetention {
  /** Some of the orders with a row from before a time, `except` those; the database reads at most `limit` rows. */
  listOrders(before: Date, except: readonly string[], limit: number): Promise<string[]>;
  /**
   * Deletes the orders' rows from before a time.
   * @returns how many rows were deleted.
   */
  forget(before: Date, orderIds: readonly string[]): Promise<number>;
}

/**
 * Retention by two statements: `list` takes a time, the orders to leave out and a limit, and answers `orderId`; `forget`
 * takes a time and orders, and answers how many rows it has `forgotten`.
 */
export function createOrderRetention(
  db: Database,
  { list, forget }: { readonly list: Statement; readonly forget: Statement },
): OrderRetention {
  return {
    listOrders: async (before, except, limit) => {
      const rows = await db.run<{ orderId: string }>(list, [before, [...except], limit]);
      return rows.map(({ orderId }) => orderId);
    },
    forget: async (before, orderIds) => {
      const [row] = await db.run<{ forgotten: number }>(forget, [before, [...orderIds]]);
      return row?.forgotten ?? 0;
    },
  };
}
