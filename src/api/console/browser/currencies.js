/**
 * Digits after the decimal point by ISO 4217 code. The server inserts its own table here, because browsers have a
 * different one, without the digits that people no longer use.
 */
const EXPONENTS = JSON.parse('{exponents}');

/** Digits after the decimal point. */
export function exponentOf(currency) {
  return EXPONENTS[currency] ?? 2;
}
