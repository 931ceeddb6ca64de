import { data } from 'currency-codes';

/** Codes of the list in which nothing has a price: precious metals, units of bond markets, tests, and "no currency". */
const NOT_FOR_PRICES = ['XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XPD', 'XPT', 'XTS', 'XXX'];

/**
 * Currencies that are missing in the package's list of 2024-06-25: one that was introduced later (XCG, in force since
 * 2025-03-31), and three that were withdrawn before, in which older prices and orders may still be stored.
 */
const NOT_LISTED = { XCG: 2, HRK: 2, SLL: 2, ZWL: 2 };

/**
 * Digits after the decimal point by ISO 4217 code. All money is sent, read and shown by this table. (`Intl` has a
 * different one, with the digits of daily life: HUF, IDR and IQD have none there.)
 */
export const CURRENCY_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ...data.filter(({ code }) => !NOT_FOR_PRICES.includes(code)).map(({ code, digits }) => [code, digits] as const),
  ...Object.entries(NOT_LISTED),
]);

/** Most currencies have two digits. A stored code that is no longer known is shown with two digits as well. */
const USUAL_EXPONENT = 2;

/** Digits after the decimal point. */
export function exponentOf(currency: string): number {
  return CURRENCY_EXPONENTS.get(currency) ?? USUAL_EXPONENT;
}

/** An amount in its currency's usual unit, for example `22.50`, `700` or `1.250`; exact for every safe integer. */
export function toMajor(amountMinor: number, currency: string): `${number}` {
  return shiftPoint(amountMinor, exponentOf(currency));
}

function shiftPoint(amount: number, digits: number): `${number}` {
  const sign = amount < 0 ? '-' : '';
  const padded = String(Math.abs(amount)).padStart(digits + 1, '0');
  const point = padded.length - digits;
  const text = digits === 0 ? padded : `${padded.slice(0, point)}.${padded.slice(point)}`;
  return `${sign}${text}` as `${number}`;
}
