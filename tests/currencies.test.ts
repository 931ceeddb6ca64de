import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNotificationActivities } from '../src/activities/notifications/notification-activities.ts';
import { loadConsoleAssets } from '../src/api/console/console-assets.ts';
import { currency as currencySchema } from '../src/api/http/primitive-schemas.ts';
import { amountText } from '../src/cli/table.ts';
import { createContactSealer } from '../src/domain/personal-data/contact-sealer.ts';
import { exponentOf } from '../src/domain/payments/currency.ts';
import { chargeProblemOf, movementProblemOf } from '../src/domain/payments/payment-capabilities.ts';
import type { PaymentGateway } from '../src/gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from '../src/gateways/simulator-payment-gateway.ts';
import { createStripePaymentGateway } from '../src/gateways/stripe/stripe-payment-gateway.ts';
import { createStripeWebhook } from '../src/gateways/stripe/stripe-webhook.ts';
import { startTestSimulator } from '../src/simulator/test-client.ts';
import { FAKE_STRIPE_KEY, startFakeStripe, type FakeStripe } from './support/stripe/fake-stripe.ts';

/** ISO's published list: codes and digits, "N.A." for a code without a unit of prices. */
const PUBLISHED = new Map(
  [
    ...readFileSync(join(import.meta.dirname, '../node_modules/currency-codes/iso-4217-list-one.xml'), 'utf8').matchAll(
      /<Ccy>(\w{3})<\/Ccy>\s*<CcyNbr>\d+<\/CcyNbr>\s*<CcyMnrUnts>([^<]+)</g,
    ),
  ].map(([, code = '', digits = '']) => [code, digits] as const),
);
const CURRENCIES = [...PUBLISHED]
  .filter(([, digits]) => digits !== 'N.A.')
  .map(([code, digits]) => [code, Number(digits)] as const);

/** Copied by hand from docs.stripe.com/currencies; every other currency is counted in its ISO units. */
const STRIPE_DIGITS: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };

/** 1,234 of a currency's usual unit, in minor units. */
function wholes(digits: number): number {
  return 1_234 * 10 ** digits;
}

it('The table of currencies has the digits that ISO publishes for every currency', () => {
  expect(CURRENCIES.length).toBeGreaterThan(160);
  for (const [code, digits] of CURRENCIES) expect([code, exponentOf(code)]).toEqual([code, digits]);
  expect(['HUF', 'IDR', 'IQD', 'ISK', 'UGX', 'CLF', 'XCG'].map(exponentOf)).toEqual([2, 2, 3, 0, 0, 4, 2]);
});

it('The table of currencies decides what the API takes as a currency', () => {
  for (const [code] of CURRENCIES) expect(currencySchema.safeParse(code).success, code).toBe(true);
  for (const code of ['XXX', 'XTS', 'XAU', 'ABC', 'eur']) {
    expect(currencySchema.safeParse(code).success, code).toBe(false);
  }
});

let fake: FakeStripe;
let stripe: PaymentGateway;
let simulator: Awaited<ReturnType<typeof startTestSimulator>>;
beforeAll(async () => {
  fake = await startFakeStripe();
  const options = { secretKey: FAKE_STRIPE_KEY, apiUrl: fake.url, onBreakerChange: () => {} };
  stripe = createStripePaymentGateway(options);
  simulator = await startTestSimulator();
});
afterAll(async () => {
  await simulator.dispose();
  await fake.close();
});

/** Authorizes, captures a part, refunds a part of that, and reads what a void finds, all in our minor units. */
async function moveMoney(
  gateway: PaymentGateway,
  { currency, digits, method }: { currency: string; digits: number; method: string },
) {
  const orderId = `ord_${randomUUID()}`;
  const chargeKey = `${orderId}:authorize:1`;
  const amountMinor = wholes(digits);
  const order = { orderId, currency, chargeKey };
  const signal = AbortSignal.timeout(10_000);
  const request = { key: chargeKey, orderId, kind: 'authorize', amountMinor, currency, method } as const;
  const charged = await gateway.charge(request, signal);
  const found = await gateway.lookup(request, signal);
  await gateway.capture({ ...order, key: `${orderId}:capture:1`, amountMinor: amountMinor / 2 }, signal);
  await gateway.refund({ ...order, key: `${orderId}:refund:1`, amountMinor: 10 ** digits }, signal);
  const voided = await gateway.voidByKey({ ...order, key: `${orderId}:void:1` }, signal);
  expect(charged.kind, currency).toBe('succeeded');
  expect(found, currency).toEqual(charged);
  expect(voided, currency).toMatchObject({
    kind: 'captured',
    capturedMinor: amountMinor / 2,
    refundedMinor: 10 ** digits,
  });
  return orderId;
}

it('An amount of every currency reaches Stripe in the units that Stripe counts it in, and comes back in ours', async () => {
  for (const [currency, digits] of CURRENCIES) {
    const orderId = await moveMoney(stripe, { currency, digits, method: 'pm_card_visa' });
    const unit = 10 ** (STRIPE_DIGITS[currency] ?? digits);
    const [charge] = fake.charges(orderId);
    const [refund] = fake.refunds(orderId);
    expect([currency, charge?.amount, charge?.amount_captured, refund?.amount]).toEqual([
      currency,
      1_234 * unit,
      617 * unit,
      unit,
    ]);
  }
});

it('An amount of every currency reaches the simulator as it is', async () => {
  const gateway = createSimulatorPaymentGateway({ baseUrl: simulator.simulator.url, onBreakerChange: () => {} });
  for (const [currency, digits] of CURRENCIES) {
    const orderId = await moveMoney(gateway, { currency, digits, method: 'pm_ok' });
    const entries = await simulator.client.ledger(orderId);
    expect(entries, currency).toMatchObject([
      { kind: 'authorize', amountMinor: wholes(digits), currency },
      { kind: 'capture', amountMinor: wholes(digits) / 2 },
      { kind: 'refund', amountMinor: 10 ** digits },
      // What the capture has left is released by the void.
      { kind: 'void', amountMinor: wholes(digits) / 2 },
    ]);
  }
});

it('A void before the charge names Stripe an amount that it takes in every currency', async () => {
  const taken = CURRENCIES.filter(([currency]) => stripe.capabilities.limitsOf(currency) !== null);
  for (const [currency] of taken) {
    const orderId = `ord_${randomUUID()}`;
    const order = { orderId, currency, chargeKey: `${orderId}:sale:1`, key: `${orderId}:void:1` };
    expect(await stripe.voidByKey(order, AbortSignal.timeout(10_000))).toEqual({ kind: 'voided', amountMinor: 0 });
    const amount = Number(fake.requests.findLast(({ form }) => 'amount' in form)?.form['amount']);
    const inTens = ['BHD', 'JOD', 'KWD', 'OMR', 'TND', 'ISK', 'UGX'].includes(currency);
    expect([currency, String(amount).length, inTens && amount % 100 !== 0]).toEqual([currency, 8, false]);
  }
});

it('A report of Stripe is read in our units in every currency', () => {
  const webhook = createStripeWebhook({ secret: 'whsec_test' });
  const read = (type: string, object: object) => {
    const body = JSON.stringify({ id: 'evt_1', object: 'event', type, created: 1_750_000_000, data: { object } });
    const signature = createHmac('sha256', 'whsec_test').update(`1750000000.${body}`).digest('hex');
    const header = () => `t=1750000000,v1=${signature}`;
    return webhook.read({ header, body: Buffer.from(body), receivedAt: new Date(1_750_000_000_000) });
  };
  for (const [currency, digits] of CURRENCIES) {
    const amount = 1_234 * 10 ** (STRIPE_DIGITS[currency] ?? digits);
    const money = { currency: currency.toLowerCase(), amount, amount_received: amount, amount_capturable: amount };
    const owner = { id: 'pi_1', status: 'succeeded', metadata: { orderId: 'ord_a', key: 'ord_a:sale:1' } };
    const wanted = { currency, amountMinor: wholes(digits) };
    for (const type of [
      'payment_intent.succeeded',
      'payment_intent.amount_capturable_updated',
      'payment_intent.payment_failed',
      'refund.updated',
      'charge.dispute.created',
    ]) {
      expect(read(type, { ...owner, ...money }), `${type} in ${currency}`).toMatchObject(wanted);
    }
  }
});

it('An amount of every currency is shown with its digits in mails, text messages and the command line', async () => {
  const sent: string[] = [];
  const sealer = createContactSealer([{ id: 'k', key: Buffer.alloc(32, 1) }]);
  const { sendMessage } = createNotificationActivities({
    messages: { findOptional: async () => null, record: async () => {} } as never,
    mail: { send: async ({ text }: { text: string }) => void sent.push(text) } as never,
    sms: { send: async ({ text }) => void sent.push(text) },
    sealer,
    onTextMessage: () => {},
  });
  const sealedContact = sealer.seal('ord_a', { email: 'ada@example.com', phone: '+4930123456' });
  for (const [currency, digits] of CURRENCIES) {
    const content = { totalMinor: wholes(digits), currency, reference: null };
    const message = { orderId: 'ord_a', tenantId: 'demo', template: 'order-confirmed', sealedContact } as const;
    await sendMessage({ ...message, content });
    await sendMessage({ ...message, content, channel: 'sms' });
    const [mail = '', text = ''] = sent.splice(0);
    const fraction = digits === 0 ? '' : `.${'0'.repeat(digits)}`;
    expect(mail, currency).toMatch(new RegExp(`1,234${fraction.replace('.', String.raw`\.`)}\\n`));
    expect(text, currency).toContain(`Total: 1234${fraction} ${currency}.`);
    expect(amountText(wholes(digits), currency)).toBe(`1234${fraction} ${currency}`);
  }
});

it('An amount of every currency is shown with its digits in the console, and read there as it was typed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'console-'));
  const { files } = await loadConsoleAssets();
  for (const name of ['currencies.js', 'format.js']) {
    await writeFile(join(folder, name), files.get(name)?.content ?? '');
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const page = (await import(/* @vite-ignore */ pathToFileURL(join(folder, 'format.js')).href)) as ConsoleFormat;
  for (const [currency, digits] of CURRENCIES) {
    const fraction = digits === 0 ? '' : `.${'0'.repeat(digits)}`;
    expect(page.money(wholes(digits), currency).replaceAll(/\s/g, ' ')).toBe(`${currency} 1,234${fraction}`);
    expect(page.parseAmount(page.major(wholes(digits), currency), currency)).toBe(wholes(digits));
    expect(page.parseAmount('1234', currency)).toBe(wholes(digits));
    expect(page.parseAmount(`1.${'0'.repeat(digits)}1`, currency)).toBeNull();
    // Where it would be the comma of a thousand: refused, because it would be taken for a thousandth of it.
    expect(page.parseAmount('1,234', currency)).toBeNull();
  }
  expect([page.parseAmount('12,5', 'EUR'), page.parseAmount('0', 'EUR')]).toEqual([1_250, null]);
  await rm(folder, { recursive: true });
});

interface ConsoleFormat {
  money(amountMinor: number, currency: string): string;
  major(amountMinor: number, currency: string): string;
  parseAmount(text: string, currency: string): number | null;
}

it('An amount that Stripe can never charge is known before Stripe is asked', () => {
  const problemOf = (amountMinor: number, currency: string) =>
    chargeProblemOf(stripe.capabilities, amountMinor, currency)?.problem ?? null;
  expect([problemOf(49, 'EUR'), problemOf(50, 'EUR'), problemOf(99_999_999, 'EUR')]).toEqual([
    'below_minimum',
    null,
    null,
  ]);
  expect([problemOf(100_000_000, 'EUR'), problemOf(100_000_000, 'IDR')]).toEqual(['above_maximum', null]);
  expect([problemOf(1_255, 'KWD'), problemOf(1_250, 'KWD')]).toEqual(['not_a_multiple', null]);
  expect([problemOf(999_999, 'ISK'), problemOf(1_000_000, 'ISK'), problemOf(1, 'ISK')]).toEqual([
    null,
    'above_maximum',
    null,
  ]);
  expect([problemOf(150, 'MGA'), problemOf(200, 'MGA'), problemOf(1_000, 'IRR')]).toEqual([
    'not_a_multiple',
    null,
    'currency_not_supported',
  ]);
  expect(problemOf(0, 'IRR')).toBeNull();
  expect(movementProblemOf(stripe.capabilities, 1, 'EUR')).toBeNull();
  expect(movementProblemOf(stripe.capabilities, 5, 'KWD')).toMatchObject({
    problem: 'not_a_multiple',
    multipleOfMinor: 10,
  });
});
