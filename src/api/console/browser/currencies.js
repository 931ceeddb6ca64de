/**
 * Digits after the decimal point by ISO 4217 code. The server puts its own table here, the one by which it counts:
 * browsers have another one, in which some currencies have no digits because people do not use them any more.
 */
const EXPONENTS = JSON.parse('{exponents}');

/** Digits after the decimal point. */
export function exponentOf(currency) {
  return EXPONENTS[currency] ?? 2;
}
