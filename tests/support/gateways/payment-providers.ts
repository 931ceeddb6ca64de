import { expect } from 'vitest';
import type { ChargeRequest, PaymentGateway } from '../../../src/gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from '../../../src/gateways/simulator-payment-gateway.ts';
import { createStripePaymentGateway } from '../../../src/gateways/stripe/stripe-payment-gateway.ts';
import { startTestSimulator } from '../../../src/simulator/test-client.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from '../stripe/fake-stripe.ts';

/** What the cases need of a provider beside the port: its test methods and a look into its books. */
export interface Provider {
  readonly gateway: PaymentGateway;
  /** Successful sales and authorizations of an order. */
  charges(orderId: string): Promise<number>;
  /** Sum of an order's refunds. */
  refundedMinor(orderId: string): Promise<number>;
  setDown(isDown: boolean): Promise<void>;
  /** Somebody moves money of a charge at the provider itself; all that is left without an amount. */
  moveOutside(kind: 'capture' | 'refund', charge: ChargeRequest, amountMinor?: number): Promise<void>;
  stop(): Promise<void>;
}

/** The test methods of a provider, by what they do. */
export interface Methods {
  readonly ok: string;
  readonly declined: readonly [method: string, code: string];
  readonly softlyDeclined: readonly [method: string, code: string];
  readonly wrongAmount: string;
  readonly lostReply: string;
  readonly slow: string;
  readonly unavailable: string;
  readonly refundFails: string;
}

/** The name of a provider, as the subject of a title. */
export type ProviderName = 'The simulator' | 'Stripe';

/** Every provider that keeps the contract of a payment gateway. */
export const PROVIDERS: readonly { name: ProviderName; start: () => Promise<Provider>; methods: Methods }[] = [
  {
    name: 'The simulator',
    start: startSimulatorProvider,
    methods: {
      ok: 'pm_ok',
      declined: ['pm_declined', 'card_declined'],
      softlyDeclined: ['pm_insufficient_funds', 'insufficient_funds'],
      wrongAmount: 'pm_wrong_amount',
      lostReply: 'pm_lost_reply',
      slow: 'pm_slow',
      unavailable: 'pm_down',
      refundFails: 'pm_refund_fails',
    },
  },
  {
    name: 'Stripe',
    start: async () => stripeProvider(await startFakeStripe()),
    methods: {
      ok: 'pm_card_visa',
      declined: ['pm_card_chargeDeclined', 'generic_decline'],
      softlyDeclined: ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
      wrongAmount: 'pm_fake_wrong_amount',
      lostReply: 'pm_fake_lost_reply',
      slow: 'pm_fake_slow',
      unavailable: 'pm_fake_unavailable',
      refundFails: 'pm_card_refundFail',
    },
  },
];

/** The rows of a case for each provider, so that one title serves them all. */
export function withEveryProvider<Row extends object>(rows: readonly Row[]): (Row & (typeof PROVIDERS)[number])[] {
  return PROVIDERS.flatMap((provider) => rows.map((row) => ({ ...provider, ...row })));
}

async function startSimulatorProvider(): Promise<Provider> {
  const { client, simulator, dispose } = await startTestSimulator();
  const entries = async (orderId: string, kinds: readonly string[]): Promise<{ amountMinor: number }[]> => {
    const all = (await client.ledger(orderId)) as { kind: string; state: string; amountMinor: number }[];
    return all.filter(({ kind, state }) => kinds.includes(kind) && state === 'SUCCEEDED');
  };
  return {
    gateway: createSimulatorPaymentGateway({ baseUrl: simulator.url, onBreakerChange: () => {} }),
    charges: async (orderId) => (await entries(orderId, ['sale', 'authorize'])).length,
    refundedMinor: async (orderId) => sum(await entries(orderId, ['refund'])),
    setDown: async (down) => {
      await client.faults({ down });
    },
    moveOutside: async (kind, { key }, amountMinor) => {
      const path = `/v1/payments/${encodeURIComponent(key)}/external-${kind}s`;
      expect(await client.send('POST', path, { body: JSON.stringify({ amountMinor }) })).toMatchObject({ status: 201 });
    },
    stop: dispose,
  };
}

function stripeProvider(fake: FakeStripe): Provider {
  return {
    gateway: stripeGateway(fake),
    charges: async (orderId) => fake.charges(orderId).length,
    refundedMinor: async (orderId) =>
      sum(fake.refunds(orderId).map(({ amount, status }) => ({ amountMinor: status === 'succeeded' ? amount : 0 }))),
    setDown: async (isDown) => fake.answerAll(isDown ? 503 : null),
    moveOutside: async (kind, { orderId }, amountMinor) =>
      kind === 'capture' ? fake.captureElsewhere(orderId) : fake.refundElsewhere(orderId, amountMinor),
    stop: () => fake.close(),
  };
}

/** The Stripe adapter, which talks to the fake. */
export function stripeGateway(fake: FakeStripe, secretKey = FAKE_STRIPE_KEY): PaymentGateway {
  return createStripePaymentGateway({ secretKey, apiUrl: fake.url, onBreakerChange: () => {} });
}

function sum(entries: readonly { readonly amountMinor: number }[]): number {
  return entries.reduce((total, { amountMinor }) => total + amountMinor, 0);
}
