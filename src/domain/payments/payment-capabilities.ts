/** The amounts that a provider accepts in one currency, in minor units. */
export interface AmountLimits {
  readonly minimumMinor: number;
  readonly maximumMinor: number;
  /**
   * Every amount must be a multiple of this: 10 where the last of three decimals must be 0, 100 where fractions are not
   * accepted.
   */
  readonly multipleOfMinor: number;
}

/**
 * What a payment provider can do, as its adapter declares it. The declaration is checked before anything is promised.
 * The provider's rules also depend on the account and the card, so it may still refuse; the refusal is then an outcome
 * of the call.
 */
export interface PaymentCapabilities {
  /** Whether an authorization can be captured in several parts, or only once. */
  readonly captures: 'once' | 'several';
  /** What happens to the part of an authorization that the last capture leaves. */
  readonly restAfterCapture: 'released_by_provider' | 'stays_authorized';
  /** Whether a void can release that part while the captured part stays captured. */
  readonly voidsRest: boolean;
  /** For how long an authorization can be captured. */
  readonly authorizationSeconds: number;
  /** Null for a currency in which nothing can be charged. */
  readonly limitsOf: (currency: string) => AmountLimits | null;
}

/** Why an amount can never be moved. `refused_by_provider`: the provider refused it when it was asked. */
export const AMOUNT_PROBLEMS = [
  'currency_not_supported',
  'below_minimum',
  'above_maximum',
  'not_a_multiple',
  'refused_by_provider',
] as const;

/**
 * An amount that can never be moved at the provider, and the limits; a currency that the provider does not accept has
 * none.
 */
export interface AmountProblem {
  readonly problem: (typeof AMOUNT_PROBLEMS)[number];
  readonly amountMinor: number;
  readonly minimumMinor: number | null;
  readonly maximumMinor: number | null;
  readonly multipleOfMinor: number | null;
}

/** Why a charge of this amount can never be made; null when it can be made, or when there is nothing to charge. */
export function chargeProblemOf(
  capabilities: PaymentCapabilities,
  amountMinor: number,
  currency: string,
): AmountProblem | null {
  if (amountMinor === 0) return null;
  const limits = capabilities.limitsOf(currency);
  if (limits !== null && amountMinor < limits.minimumMinor) return problemOf('below_minimum', amountMinor, limits);
  if (limits !== null && amountMinor > limits.maximumMinor) return problemOf('above_maximum', amountMinor, limits);
  return movementProblemOf(capabilities, amountMinor, currency);
}

/** Why a capture or a refund of this amount can never be made. (Parts of a charge may be smaller than a charge.) */
export function movementProblemOf(
  capabilities: PaymentCapabilities,
  amountMinor: number,
  currency: string,
): AmountProblem | null {
  const limits = capabilities.limitsOf(currency);
  if (limits === null) return problemOf('currency_not_supported', amountMinor, null);
  return amountMinor % limits.multipleOfMinor === 0 ? null : problemOf('not_a_multiple', amountMinor, limits);
}

/** The problem, with the limits of the provider. */
export function problemOf(
  problem: AmountProblem['problem'],
  amountMinor: number,
  limits: AmountLimits | null,
): AmountProblem {
  return {
    problem,
    amountMinor,
    minimumMinor: limits?.minimumMinor ?? null,
    maximumMinor: limits?.maximumMinor ?? null,
    multipleOfMinor: limits?.multipleOfMinor ?? null,
  };
}
