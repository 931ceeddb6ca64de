import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startTestSystem, type SystemClient, type TestSystem } from '../support/system.ts';

interface Page {
  readonly items: OrderView[];
  readonly nextCursor: string | null;
  readonly complete?: false;
}

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

async function list(query: string, client: SystemClient = system, token?: string): Promise<Page> {
  const init = token === undefined ? {} : { token };
  return (await client.request<Page>(`/v1/orders${query}`, init)).body;
}

const idsOf = ({ items }: Page): string[] => items.map(({ id }) => id);

let opened: string;
let waiting: string[];
const customer = `cust_${randomUUID()}`;
beforeAll(async () => {
  opened = await system.postOrder({ body: { customer: { id: customer } } });
  await system.orderAtRest(opened);
  await system.stopWorker();
  waiting = [];
  for (let index = 0; index < 3; index += 1) {
    waiting.unshift(await system.postOrder({ body: { customer: { id: customer }, reference: `cart-${index}` } }));
  }
});

it('The list of orders has accepted orders that no worker has opened, newest first', async () => {
  await expect.poll(async () => idsOf(await list(''))).toEqual([...waiting, opened]);
  const page = await list('');
  expect(page.nextCursor).toBeNull();
  expect(page).not.toHaveProperty('complete');
  expect(page.items[0]).toEqual((await system.request(`/v1/orders/${waiting[0]}`)).body);
});

it('The list of orders filters and pages orders that no worker has opened like all others', async () => {
  expect(idsOf(await list('?status=PENDING'))).toEqual(waiting);
  expect(idsOf(await list('?status=CONFIRMED'))).toEqual([opened]);
  expect(idsOf(await list('?reference=cart-1'))).toEqual([waiting[1]]);
  expect(idsOf(await list('?customerId=nobody'))).toEqual([]);
  const first = await list('?limit=2');
  expect(idsOf(first)).toEqual(waiting.slice(0, 2));
  const second = await list(`?limit=2&cursor=${first.nextCursor}`);
  expect(idsOf(second)).toEqual([waiting[2], opened]);
  expect(second.nextCursor).toBeNull();
});

it('The list of orders shows orders that no worker has opened to their tenant only', async () => {
  expect(await list('', system, await system.token('acme'))).toEqual({ items: [], nextCursor: null });
});

it('The list of orders without Temporal has the opened orders, and says that some may be missing', async () => {
  const api = await startAnotherApi(system, { TEMPORAL_ADDRESS: `127.0.0.1:${await findFreePort()}` });
  try {
    const page = await list('', api);
    expect(idsOf(page)).toEqual([opened]);
    expect(page.complete).toBe(false);
    expect(await list('?status=CONFIRMED', api)).not.toHaveProperty('complete');
  } finally {
    await api.stop();
  }
});
