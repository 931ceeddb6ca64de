import { sql, type AnyColumn, type SQL } from 'drizzle-orm';
import { bigint, timestamp } from 'drizzle-orm/pg-core';

/** A point in time with milliseconds, the precision of a JavaScript Date, so values survive the round trip. */
export const instant = (name: string) => timestamp(name, { precision: 3, withTimezone: true, mode: 'date' });

/** A point in time with microseconds, for rows that are read in the order in which they were written. */
export const preciseInstant = (name: string) => timestamp(name, { precision: 6, withTimezone: true, mode: 'date' });

/** `created_at`, by the database's clock. */
export const createdAt = () => instant('created_at').notNull().defaultNow();

/** An amount of money in minor units. */
export const minorUnits = (name: string) => bigint(name, { mode: 'number' });

/** A number of pieces. It is a bigint, because a warehouse may hold 2^31 of a small part. */
export const pieces = (name: string) => bigint(name, { mode: 'number' });

/** A CHECK that a text column holds one of a list's literals. The code uses the same list. */
export function oneOf(column: AnyColumn, literals: readonly string[]): SQL {
  return sql`${column} in (${sql.raw(literals.map((literal) => `'${literal}'`).join(', '))})`;
}
