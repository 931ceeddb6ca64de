import type { Database, Statement } from './client.ts';

/** Rows that one statement deletes, in some ten milliseconds. */
const BATCH = 5_000;

/**
 * Repeats a statement until it deletes nothing more. The statement takes the batch size as its last value, deletes that
 * number of rows at most, and answers how many rows it has deleted.
 */
export async function deleteInBatches(db: Database, statement: Statement, values: readonly unknown[]): Promise<void> {
  for (;;) {
    const [row] = await db.run<{ forgotten: number }>(statement, [...values, BATCH]);
    if (row?.forgotten !== BATCH) return;
  }
}
