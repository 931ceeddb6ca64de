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
