/** What a provider takes in one currency, in minor units. */
export interface AmountLimits {
  readonly minimumMinor: number;
  readonly maximumMinor: number;
  /** Every amount is a multiple of it: 10 where the last of three decimals must be 0, 100 where fractions are not taken. */
  readonly multipleOfMinor: number;
}

/**
 * What a payment provider can do, as its adapter declares it. It is asked before anything is promised; what the provider
 * refuses all the same (its rules depend on the account and the card) comes back as an outcome of the call.
 */
export interface PaymentCapabilities {
  /** Whether an authorization can be captured in several parts, or once. */
  readonly captures: 'once' | 'several';
  /** What becomes of the part of an authorization that the last capture has left. */
  readonly restAfterCapture: 'released_by_provider' | 'stays_authorized';
  /** Whether that part can be given back by a void while the captured part stays captured. */
  readonly voidsRest: boolean;
  /** How long an authorization can be captured. */
  readonly authorizationSeconds: number;
  /** Null for a currency in which nothing can be charged. */
  readonly limitsOf: (currency: string) => AmountLimits | null;
}

/** Why an amount can never be moved; `refused_by_provider`: the provider said so when it was asked. */
export const AMOUNT_PROBLEMS = [
  'currency_not_supported',
  'below_minimum',
  'above_maximum',
  'not_a_multiple',
  'refused_by_provider',
] as const;

/** An amount that can never be moved at the provider, and what could be; a currency that it does not take has no limits. */
export interface AmountProblem {
  readonly problem: (typeof AMOUNT_PROBLEMS)[number];
  readonly amountMinor: number;
  readonly minimumMinor: number | null;
  readonly maximumMinor: number | null;
  readonly multipleOfMinor: number | null;
}

/** Why a charge of this amount can never be made; null when it can, and when there is nothing to charge. */
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

/** Why a capture or a refund of this amount can never be made: parts of a charge may be smaller than a charge. */
export function movementProblemOf(
  capabilities: PaymentCapabilities,
  amountMinor: number,
  currency: string,
): AmountProblem | null {
  const limits = capabilities.limitsOf(currency);
  if (limits === null) return problemOf('currency_not_supported', amountMinor, null);
  return amountMinor % limits.multipleOfMinor === 0 ? null : problemOf('not_a_multiple', amountMinor, limits);
}

/** A problem with what the provider would have taken. */
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
