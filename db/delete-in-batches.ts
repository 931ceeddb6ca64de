import type { Database, Statement } from './client.ts';

/** Rows that are forgotten in one statement: some ten milliseconds. */
const BATCH = 5_000;

/** Repeats a statement that deletes as many rows as its last value at most and answers how many, until none is left. */
export async function forgetAll(db: Database, statement: Statement, values: readonly unknown[]): Promise<void> {
  for (;;) {
    const [row] = await db.run<{ forgotten: number }>(statement, [...values, BATCH]);
    if (row?.forgotten !== BATCH) return;
  }
}
