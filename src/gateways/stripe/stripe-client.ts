import { AsyncLocalStorage } from 'node:async_hooks';
import { Stripe } from 'stripe';
import { PaymentContractError, PaymentGatewayOpenError, PaymentOutcomeUnknownError } from '../../domain/errors.ts';
import { createBreakers, type BreakerListener } from '../circuit-breaker.ts';

/**
 * The version of Stripe's API that requests and answers follow, even if the account has another default. The pinned
 * package was made for this version, so read Stripe's changelog before updating the package.
 */
const STRIPE_API_VERSION = '2026-10-28.endive';

/** How Stripe is reached. */
export interface StripeClientOptions {
  readonly secretKey: string;
  /** Another address than Stripe's own, for tests; null for Stripe itself. */
  readonly apiUrl: string | null;
  readonly onBreakerChange: BreakerListener;
}

/** What a call is about. */
export interface StripeCallScope {
  /** The circuit breaker that the call passes. */
  readonly route: string;
  /** The payment key that the call is about, for errors. */
  readonly about: string;
  /** Ends every call of the scope. */
  readonly signal: AbortSignal;
}

/**
 * Sends one call. It throws {@link PaymentOutcomeUnknownError} when no definite answer came, and {@link
 * PaymentGatewayOpenError} when the call was not sent. Definite refusals stay errors of the `stripe` package.
 */
export type StripeSend = <Answer>(call: (stripe: Stripe) => Promise<Answer>) => Promise<Answer>;

/**
 * Opens Stripe's client; the returned function binds a scope. Calls are never repeated here. (Even with
 * `maxNetworkRetries: 0` the package repeats a call once after a connection reset, but it recognizes a reset by a code
 * that errors of `fetch` do not have.) The package's options have no place for a signal, so the signal travels beside
 * the call to our `fetch`.
 */
export function createStripeClient(options: StripeClientOptions): (scope: StripeCallScope) => StripeSend {
  const signals = new AsyncLocalStorage<AbortSignal>();
  const stripe = new Stripe(options.secretKey, {
    apiVersion: STRIPE_API_VERSION,
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(abortableFetch(signals)),
    ...addressOf(options.apiUrl),
  });
  const breakers = createBreakers((error) => error instanceof PaymentOutcomeUnknownError, options.onBreakerChange);
  return (scope) => (call) =>
    breakers.run(
      scope.route,
      () =>
        signals.run(scope.signal, () =>
          call(stripe).catch((error: unknown) => {
            throw isDefinite(error) ? error : unknownOf(scope, error);
          }),
        ),
      () => new PaymentGatewayOpenError(scope.about),
    );
}

/** The meaning of a definite refusal, when the caller has no more specific one. */
export function stripeRefusalOf(key: string, error: unknown): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  const code = error.code ?? error.rawType ?? 'no code';
  // 409: an earlier call with this key is still being processed, so its outcome is unknown.
  if (error.statusCode === 409) return new PaymentOutcomeUnknownError(key, `the provider answered ${code}`, error);
  return new PaymentContractError(key, `${error.statusCode ?? 'no status'} ${code}`);
}

/** Runs calls about a key, and translates Stripe's definite refusals. */
export async function refusing<Result>(key: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw stripeRefusalOf(key, error);
  }
}

/** Whether the key was used with other parameters before. */
export function isKeyReused(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400;
}

/** Whether Stripe refused the call for its content, and not because Stripe was down, slow or too busy. */
function isDefinite(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError) || error.statusCode === undefined) return false;
  return error.statusCode < 500 && !(error instanceof Stripe.errors.StripeRateLimitError);
}

function unknownOf({ about, signal }: StripeCallScope, error: unknown): PaymentOutcomeUnknownError {
  return new PaymentOutcomeUnknownError(about, whyUnknown(signal, error), error);
}

function whyUnknown(signal: AbortSignal, error: unknown): string {
  if (signal.aborted) return 'no answer in time';
  if (error instanceof Stripe.errors.StripeConnectionError) return 'the connection failed';
  if (error instanceof Stripe.errors.StripeError && error.statusCode !== undefined) {
    return `the provider answered ${error.statusCode}`;
  }
  return 'the answer cannot be read';
}

function abortableFetch(signals: AsyncLocalStorage<AbortSignal>): typeof fetch {
  return (input, init) => {
    const limits = [init?.signal, signals.getStore()].filter((signal) => signal !== undefined && signal !== null);
    return fetch(input, { ...init, redirect: 'error', signal: AbortSignal.any(limits) });
  };
}

function addressOf(apiUrl: string | null): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  if (apiUrl === null) return {};
  const { protocol, hostname, port } = new URL(apiUrl);
  const scheme = protocol === 'http:' ? 'http' : 'https';
  return { protocol: scheme, host: hostname, port: port === '' ? DEFAULT_PORTS[scheme] : port };
}

const DEFAULT_PORTS = { http: '80', https: '443' } as const;
