import { exponentOf } from '../../domain/payments/currency.ts';
import type { AmountLimits } from '../../domain/payments/payment-capabilities.ts';

// The rules of docs.stripe.com/currencies for card payments, the only ones that this adapter makes. Where they depend
// on the account (its settlement currency, the currencies it may take), the larger limit stands here: if Stripe refuses
// an amount, its refusal is an ordinary outcome of the charge.

/**
 * Currencies that Stripe counts in other units than ISO 4217. ISK and UGX no longer have fractions but are sent as if
 * they had two digits; MGA has two digits and is sent without them. (HUF and TWD have no fractions in payouts, which
 * this adapter does not make; they are charged with fractions.)
 */
const EXPONENTS: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };

/** Currencies in which every amount can be charged. */
const TAKEN = new Set(
  [
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY',
    'COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK',
    'JMD JPY KES KGS KHR KMF KRW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD',
    'NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB',
    'TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW',
  ].flatMap((codes) => codes.split(' ')),
);

/** Further currencies, with three digits. Card networks accept two of them, so the last digit must be 0. */
const TAKEN_IN_TENS = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);

/** The smallest charges in Stripe's units, when the account settles in the currency. */
const MINIMA: Readonly<Record<string, number>> = {
  AED: 200,
  AUD: 50,
  BGN: 100,
  BRL: 50,
  CAD: 50,
  CHF: 50,
  CZK: 1_500,
  DKK: 250,
  EUR: 50,
  GBP: 30,
  HKD: 400,
  HUF: 17_500,
  INR: 50,
  JPY: 50,
  MXN: 1_000,
  MYR: 200,
  NOK: 300,
  NZD: 50,
  PLN: 200,
  RON: 200,
  SEK: 300,
  SGD: 50,
  THB: 1_000,
  USD: 50,
};

/** Digits of the largest amount in Stripe's units; it has eight digits in all other currencies. */
const MAXIMUM_DIGITS: Readonly<Record<string, number>> = { COP: 12, HUF: 12, IDR: 12, INR: 9, JPY: 10, LBP: 14 };
const USUAL_MAXIMUM_DIGITS = 8;

/** The limits of a currency at Stripe, in our minor units. */
export function stripeLimitsOf(currency: string): AmountLimits | null {
  const isInTens = TAKEN_IN_TENS.has(currency);
  if (!isInTens && !TAKEN.has(currency)) return null;
  const multipleOfMinor = isInTens ? 10 : Math.max(1, shiftPoint(1, -moreDigitsOf(currency)));
  const maximum = 10 ** (MAXIMUM_DIGITS[currency] ?? USUAL_MAXIMUM_DIGITS) - 1;
  const inUnits = (amount: number): number => shiftPoint(amount, -moreDigitsOf(currency)) / multipleOfMinor;
  return {
    minimumMinor: Math.ceil(inUnits(MINIMA[currency] ?? 1)) * multipleOfMinor,
    maximumMinor: Math.floor(inUnits(maximum)) * multipleOfMinor,
    multipleOfMinor,
  };
}

/**
 * An amount in Stripe's units. It is a fraction if Stripe's currency has fewer digits than ours; Stripe refuses that.
 */
export function toStripeAmount(amountMinor: number, currency: string): number {
  return shiftPoint(amountMinor, moreDigitsOf(currency));
}

/**
 * An amount of Stripe's in our minor units, rounded. (A fraction would only come from amounts that Stripe excludes.)
 */
export function fromStripeAmount(amount: number, currency: string): number {
  return Math.round(shiftPoint(amount, -moreDigitsOf(currency.toUpperCase())));
}

/** How many more digits Stripe's amounts have than ours; negative when they have fewer. */
function moreDigitsOf(currency: string): number {
  const exponent = exponentOf(currency);
  return (EXPONENTS[currency] ?? exponent) - exponent;
}

/** Divides, because multiplying by 0.01 would not be exact. */
function shiftPoint(amount: number, digits: number): number {
  return digits < 0 ? amount / 10 ** -digits : amount * 10 ** digits;
}
