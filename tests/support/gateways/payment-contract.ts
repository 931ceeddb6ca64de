import { randomUUID } from 'node:crypto';
import { PaymentContractError, PaymentMismatchError } from '../../../src/domain/errors.ts';
import { paymentKey } from '../../../src/domain/payments/payment.ts';
import type { ChargeRequest, VoidRequest } from '../../../src/gateways/payment-gateway.ts';
import { PROVIDERS, type Methods, type Provider, type ProviderName } from './payment-providers.ts';

/** No case waits for it to elapse unless it says so. */
export function patience(limitMs = 20_000): AbortSignal {
  return AbortSignal.timeout(limitMs);
}

/** One order with its keys. */
export function newOrder() {
  const orderId = `ord_${randomUUID()}`;
  const sale = (method: string, change: Partial<ChargeRequest> = {}): ChargeRequest => ({
    key: paymentKey(orderId, 'sale', 1),
    orderId,
    kind: 'sale',
    amountMinor: 2_500,
    currency: 'EUR',
    method,
    ...change,
  });
  const authorization = (method: string, change: Partial<ChargeRequest> = {}): ChargeRequest =>
    sale(method, { key: paymentKey(orderId, 'authorize', 1), kind: 'authorize', ...change });
  const after = (kind: 'capture' | 'void' | 'refund', chargeKey: string, generation = 1): VoidRequest => ({
    key: paymentKey(orderId, kind, generation),
    chargeKey,
    orderId,
    currency: 'EUR',
  });
  return { orderId, sale, authorization, after };
}

/** One order with the requests that its keys belong to. */
export type Order = ReturnType<typeof newOrder>;

/** The port lets a provider refuse such a request itself or answer with what does not match. */
export function isRefusal(error: unknown): boolean {
  return error instanceof PaymentMismatchError || error instanceof PaymentContractError;
}

/** Starts every provider once for a file, and makes cases that have one order each. */
export function createContract() {
  const running = new Map<ProviderName, { provider: Provider; methods: Methods }>();
  return {
    async startAll(): Promise<void> {
      for (const { name, start, methods } of PROVIDERS) running.set(name, { provider: await start(), methods });
    },
    async stopAll(): Promise<void> {
      for (const { provider } of running.values()) await provider.stop();
    },
    newCase(name: ProviderName) {
      const started = running.get(name);
      if (started === undefined) throw new Error(`${name} is not started`);
      return { ...started, ...caseOf(started.provider) };
    },
  };
}

/** A new order at the provider, and the calls about it. */
function caseOf({ gateway }: Provider) {
  const order = newOrder();
  return {
    gateway,
    order,
    charge: (request: ChargeRequest) => gateway.charge(request, patience()),
    lookup: (request: ChargeRequest) => gateway.lookup(request, patience()),
    voidByKey: (request: VoidRequest) => gateway.voidByKey(request, patience()),
    refund: (chargeKey: string, amountMinor: number, generation = 1) =>
      gateway.refund({ ...order.after('refund', chargeKey, generation), amountMinor }, patience()),
    capture: (chargeKey: string, amountMinor: number) =>
      gateway.capture({ ...order.after('capture', chargeKey), amountMinor }, patience()),
    movements: (request: ChargeRequest) =>
      gateway.movements({ chargeKey: request.key, orderId: order.orderId, currency: request.currency }, patience()),
  };
}
