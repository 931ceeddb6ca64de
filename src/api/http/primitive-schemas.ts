import { z } from '@hono/zod-openapi';
import { holdsCardNumber } from '../../domain/personal-data/card-number.ts';
import { CURRENCY_EXPONENTS } from '../../domain/payments/currency.ts';
import { MAX_UNIT_PRICE_MINOR } from '../../domain/payments/money.ts';

/** The answer about a text that contains the number of a payment card; card numbers are never stored or logged. */
export const CARD_NUMBER_REFUSED = 'must not contain a card number';

/** Text that PostgreSQL and JSON can both hold: without NUL, half a surrogate pair, and card numbers. */
export function text(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must not contain NUL or unpaired surrogates')
    .refine((value) => !holdsCardNumber(value), CARD_NUMBER_REFUSED);
}

/** An id in a path. An id that cannot be stored is not found, without asking the database. */
export const pathId = text(64);

/** ISO 4217 code of a currency that exists. */
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/, 'must be three capital letters')
  .refine((code) => CURRENCY_EXPONENTS.has(code), 'is not an ISO 4217 currency')
  .openapi({ description: 'ISO 4217 currency code', example: 'EUR' });

/** Stock keeping unit. */
export const sku = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -')
  .openapi({ description: 'Stock keeping unit', example: 'SKU-0001' });

/** Price of one piece in minor units. */
export const priceMinor = z.int().min(0).max(MAX_UNIT_PRICE_MINOR);

/** A point in time in answers. */
export const instant = (description: string) =>
  z.iso
    .datetime()
    .openapi({ description: `${description} (RFC 3339, UTC, milliseconds)`, example: '2026-11-21T10:00:00.000Z' });

const YEAR_10000 = Date.UTC(10_000, 0);

/** Characters of an instant, more than any clock has digits. */
const INSTANT_MAX = 64;

const LEAP_SECOND = /^(\d{4}-\d\d-\d\dT\d\d:\d\d):60(?:\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A leap second becomes the first moment after it, as in POSIX. It ends a month of UTC, and is refused elsewhere. */
function readableInstant(text: string): string {
  const upper = text.toUpperCase();
  const [, minute, offset] = LEAP_SECOND.exec(upper) ?? [];
  if (minute === undefined || offset === undefined) return upper;
  const after = new Date(Date.parse(`${minute}:59${offset}`) + 1_000);
  const endsMonth = !Number.isNaN(after.getTime()) && /-01T00:00:00/.test(after.toISOString());
  return endsMonth ? after.toISOString() : text;
}

/** An instant in our own notation, in cursors. Years that PostgreSQL writes differently are refused. */
export const plainInstant = z.iso
  .datetime({ offset: true })
  .refine((time) => Date.parse(time) >= 0 && Date.parse(time) < YEAR_10000, 'must be between 1970 and 9999');

/**
 * A point in time in requests in the notation of RFC 3339, including lower-case letters and leap seconds; the result is
 * one that JavaScript reads.
 */
export const requestedInstant = z
  .string()
  .max(INSTANT_MAX)
  .transform(readableInstant)
  .pipe(plainInstant)
  .openapi({ format: 'date-time' });

/** `Idempotency-Key` as documentation; the middleware checks it, so that a bad one is a 400 and not a 422. */
export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .openapi({
      param: { required: true },
      description:
        '8 to 255 characters of `A-Z a-z 0-9 _ . : -`, quoted or bare. The same key never acts twice; repeat with it after a 503 or a lost answer.',
      example: 'checkout-991',
    }),
});

/** Page size and cursor of lists. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(50)
    .openapi({ description: 'Items per page, 1 to 100', example: 50 }),
  cursor: text(400).optional().openapi({ description: '`nextCursor` of the page before', example: 'eyJ...' }),
};
