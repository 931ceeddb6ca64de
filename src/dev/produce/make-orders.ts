import { randomUUID } from 'node:crypto';
import type { Post } from './sender.ts';

/** The number of SKUs in the seeded catalog. */
const SKUS = 1_000;

/**
 * Makes posts of orders with one or two lines and up to three pieces, by one of `users` customers; all of them can be
 * paid.
 */
export function createOrderMaker(users: number): () => Post {
  const below = (limit: number): number => Math.floor(Math.random() * limit);
  return () => {
    const skus = new Set([1 + below(SKUS), 1 + below(SKUS)]);
    const lines = [...skus].map((sku) => ({ sku: `SKU-${String(sku).padStart(4, '0')}`, quantity: 1 + below(3) }));
    const user = 1 + below(users);
    const customer = { id: `user-${user}`, email: `user${user}@example.com` };
    const body = JSON.stringify({
      customer,
      currency: 'EUR',
      lines,
      payment: { method: 'pm_ok' },
      reference: 'produce',
    });
    return { path: '/v1/orders', body, idempotencyKey: randomUUID() };
  };
}
