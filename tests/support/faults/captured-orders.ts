import { paymentKey } from '../../../src/domain/payments/payment.ts';
import type { PaymentOperation } from '../../../db/repositories/payments/payment-repository.ts';
import type { TestSystem } from '../system.ts';
import { giveCommand, untilStatus } from './order-actions.ts';

/** The catalog's price of what these orders buy, in minor units. */
export const TOTAL = 4_500;

/** An order whose money an operator captures. */
const BY_HAND = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };

/** An order that awaits its capture. */
export async function authorized(system: TestSystem, key?: string): Promise<string> {
  const orderId = await system.postOrder(BY_HAND, key);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

/** 1,000 of 4,500 is captured. */
export async function capturedInPart(system: TestSystem, key?: string): Promise<string> {
  const orderId = await authorized(system, key);
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

/** The entries of a ledger in words, for example `capture 1000`. */
export function kindsOf(ledger: readonly { readonly kind: string; readonly amountMinor: number }[]): string[] {
  return ledger.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`);
}

/** An operation that succeeded, as it stands in the books. */
export function operationOf(orderId: string, kind: PaymentOperation['kind'], amountMinor: number): PaymentOperation {
  const money = { amountMinor, currency: 'EUR', state: 'SUCCEEDED', declineCode: null, providerRef: null } as const;
  return { key: paymentKey(orderId, kind, 1), orderId, tenantId: 'demo', kind, generation: 1, ...money };
}
