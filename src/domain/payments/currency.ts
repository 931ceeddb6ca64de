import { data } from 'currency-codes';

/** Codes of the list that price nothing: precious metals, units of bond markets, tests, no currency at all. */
const NOT_FOR_PRICES = ['XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XPD', 'XPT', 'XTS', 'XXX'];

/**
 * What the list of the package (2024-06-25) does not have: a currency that came after it (XCG, in force since
 * 2025-03-31), and three that were withdrawn before it, in which older prices and orders may still be written.
 */
const NOT_LISTED = { XCG: 2, HRK: 2, SLL: 2, ZWL: 2 };

/**
 * Digits after the decimal point by ISO 4217 code: the one table by which money is sent, read and shown. `Intl` has
 * another one, of digits that people use in daily life (HUF, IDR and IQD have none there).
 */
export const CURRENCY_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ...data.filter(({ code }) => !NOT_FOR_PRICES.includes(code)).map(({ code, digits }) => [code, digits] as const),
  ...Object.entries(NOT_LISTED),
]);

/** Most currencies of the world; also what is shown of a code that was stored and is not known any more. */
const USUAL_EXPONENT = 2;

/** Digits after the decimal point. */
export function exponentOf(currency: string): number {
  return CURRENCY_EXPONENTS.get(currency) ?? USUAL_EXPONENT;
}

/** An amount in its currency's usual unit, such as `22.50`, `700` or `1.250`; exact for every safe integer. */
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
