import { expect, it } from 'vitest';
import { bytesPerOrder } from './disk.ts';

it('The disk use of an order is what all orders have added, by database and by schema', () => {
  const before = { app: 1_000, temporal: 500, store: 0, wal: 100, bySchema: { orders: 400 } };
  const after = { app: 3_000, temporal: 1_500, store: 0, wal: 9_100, bySchema: { orders: 1_400, dbos: 50 } };
  expect(bytesPerOrder(before, after, 10)).toEqual({
    app: 200,
    temporal: 100,
    store: 0,
    wal: 900,
    bySchema: { orders: 100, dbos: 5 },
  });
});
