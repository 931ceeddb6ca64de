import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { PaymentContractError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { createSimulatorPaymentGateway } from '../../src/gateways/simulator-payment-gateway.ts';
import { startFakeStripe } from '../support/stripe/fake-stripe.ts';
import { newOrder, patience, type Order } from '../support/gateways/payment-contract.ts';
import { stripeGateway } from '../support/gateways/payment-providers.ts';

const moved = (order: Order, chargeKey: string) => ({ ...order.after('refund', chargeKey), amountMinor: 100 });

it.each([200, 201])(
  'An answer that cannot be read leaves the outcome unknown when the simulator says %i',
  async (status) => {
    const { gateway, stop } = await answering(status);
    const order = newOrder();
    const sale = order.sale('pm_ok');
    const question = { chargeKey: sale.key, orderId: order.orderId, currency: 'EUR' };
    const calls = [
      gateway.charge(sale, patience()),
      gateway.capture(moved(order, sale.key), patience()),
      gateway.refund(moved(order, sale.key), patience()),
      ...(status === 200
        ? [
            gateway.lookup(sale, patience()),
            gateway.voidByKey(order.after('void', sale.key), patience()),
            gateway.movements(question, patience()),
          ]
        : []),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
    await stop();
  },
);

it('An answer that cannot be read is a broken contract when the simulator has refused', async () => {
  const { gateway, stop } = await answering(402);
  await expect(gateway.charge(newOrder().sale('pm_ok'), patience())).rejects.toBeInstanceOf(PaymentContractError);
  await stop();
});

it.each([
  ['POST /payment_intents', 'charge'],
  ['POST /capture', 'capture'],
  ['POST /refunds', 'refund'],
  ['GET /charges', 'lookup'],
] as const)('An answer of Stripe to %s that cannot be read leaves the outcome unknown', async (route, call) => {
  const fake = await startFakeStripe();
  const gateway = stripeGateway(fake);
  const order = newOrder();
  const authorization = order.authorization('pm_card_visa');
  const request = { ...order.after('capture', authorization.key), amountMinor: 2_500 };
  if (call !== 'charge') await gateway.charge(authorization, patience());
  if (call === 'refund') await gateway.capture(request, patience());
  fake.garbleNext(route);
  const calls = {
    charge: () => gateway.charge(authorization, patience()),
    lookup: () => gateway.lookup(authorization, patience()),
    capture: () => gateway.capture(request, patience()),
    refund: () => gateway.refund(moved(order, authorization.key), patience()),
  };
  await expect(calls[call]()).rejects.toBeInstanceOf(PaymentOutcomeUnknownError);
  // What was done is found by the next attempt.
  expect(await calls[call]()).toBeDefined();
  expect(fake.charges(order.orderId)).toHaveLength(1);
  await fake.close();
});

/** The simulator's adapter beside a server that says this and a body of another version. */
async function answering(status: number) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"version":2}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;
  return {
    gateway: createSimulatorPaymentGateway({ baseUrl, onBreakerChange: () => {} }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
