import { expect } from 'vitest';
import type { OrderView } from '../../../src/api/orders/order-schemas.ts';
import { giveCommand, moveAtProvider } from '../faults/order-actions.ts';
import { postAtRate, postPatiently, settle } from '../load.ts';
import type { OrderOverrides } from '../system.ts';
import type { ProcessSystem } from './process-system.ts';

/** An order's content for its customer and for the merchant. */
export interface Snapshot {
  readonly status: OrderView['status'];
  readonly reason: OrderView['reason'];
  /** The total, and what the payment says; null when the order was not sold, because its stock is not priced anew. */
  readonly sold: { readonly totalMinor: number | null; readonly payment: string } | null;
  readonly moneyMinor: readonly number[];
  readonly reservations: readonly string[];
}

const BY_HAND: OrderOverrides = { body: { payment: { method: 'pm_ok', capture: 'manual' } } };

/** Orders that end in many ways. */
const MIX: readonly OrderOverrides[] = [
  {},
  { sku: 'SKU-0002' },
  { method: 'pm_declined' },
  { method: 'pm_insufficient_funds' },
  { method: 'pm_flaky' },
  { method: 'pm_lost_reply' },
  { sku: 'SKU-NONE' },
  {},
];

/** The orders of a system, and what is done to them. */
export function createLife(system: ProcessSystem) {
  const accepted = new Map<string, { readonly key: string; readonly order: OrderOverrides }>();
  const post = async (order: OrderOverrides = {}): Promise<string> => {
    const { orderId, key } = await postPatiently(system, order);
    if (orderId === null) throw new Error('not accepted');
    accepted.set(orderId, { key, order });
    return orderId;
  };
  const until = async (orderId: string, status: OrderView['status']): Promise<void> => {
    await expect.poll(async () => (await read(system, orderId)).status).toBe(status);
  };
  const order = async (status: OrderView['status'], overrides: OrderOverrides = {}): Promise<string> => {
    const orderId = await post(overrides);
    await until(orderId, status);
    return orderId;
  };
  const give = async (orderId: string, command: Parameters<typeof giveCommand>[2]): Promise<void> => {
    const { status, body } = await giveCommand(system, orderId, command);
    if (status !== 200 && status !== 202) throw new Error(`${command.route}: ${status} ${JSON.stringify(body)}`);
  };
  /** The code of a command's refusal. */
  const refusalOf = async (orderId: string, command: Parameters<typeof giveCommand>[2]): Promise<string | undefined> =>
    (await giveCommand(system, orderId, command)).body.code;
  return {
    accepted,
    post,
    until,
    order,
    give,
    refusalOf,
    /** Orders of every kind at a rate; resolves when they are at rest. */
    load: async (count: number): Promise<void> => {
      const orderOf = (index: number): OrderOverrides => MIX[index % MIX.length] ?? {};
      const posts = await postAtRate(system, { count, perSecond: 20, orderOf });
      const ids = posts.map(({ orderId, key }) => orderId ?? `lost ${key}`);
      for (const [index, { key }] of posts.entries()) accepted.set(ids[index] ?? key, { key, order: orderOf(index) });
      await settle(system, ids, 60_000);
    },
    /** Every client sends its order once more, under the same key; returns the ids that differ. */
    repeatAll: async (): Promise<string[]> => {
      const strange: string[] = [];
      for (const [orderId, { key, order }] of accepted) {
        const again = await postPatiently(system, order, key);
        if (again.orderId !== orderId) strange.push(orderId);
      }
      return strange;
    },
    authorized: () => order('AWAITING_CAPTURE', BY_HAND),
    refund: async (orderId: string, amountMinor: number | null, status: OrderView['status']): Promise<void> => {
      await give(orderId, { route: 'refunds', ...(amountMinor === null ? {} : { amountMinor }) });
      await until(orderId, status);
    },
    /** Somebody pays a part back in the provider's dashboard, and the books adopt it. */
    refundOutside: async (orderId: string, amountMinor: number): Promise<void> => {
      await moveAtProvider(system, 'refund', { chargeKey: `${orderId}:sale:1`, amountMinor });
      await give(orderId, { route: 'payments/reconcile' });
      await until(orderId, 'PARTIALLY_REFUNDED');
    },
    /** What the customers and the merchant see of all orders. */
    snapshot: async (): Promise<Map<string, Snapshot>> => {
      const ids = [...accepted.keys()];
      return new Map(await Promise.all(ids.map(async (id) => [id, snapshotOf(await read(system, id))] as const)));
    },
  };
}
export type Life = ReturnType<typeof createLife>;

async function read(system: ProcessSystem, orderId: string): Promise<OrderView> {
  return (await system.request<OrderView>(`/v1/orders/${orderId}`)).body;
}

function snapshotOf({ status, reason, totalMinor, payment, lines }: OrderView): Snapshot {
  const { state, authorizedMinor, capturedMinor, refundedMinor } = payment;
  const isUnsold = capturedMinor === 0 && (status === 'REJECTED' || status === 'CANCELLED');
  return {
    status,
    reason,
    sold: isUnsold ? null : { totalMinor, payment: state },
    moneyMinor: [authorizedMinor, capturedMinor, refundedMinor],
    reservations: lines.map(({ sku, reservation }) => `${sku} ${reservation}`),
  };
}
