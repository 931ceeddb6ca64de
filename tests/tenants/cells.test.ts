import { randomUUID } from 'node:crypto';
import { createServer, request as forward, type Server } from 'node:http';
import { once } from 'node:events';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditOf } from '../support/audits.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { expectProblem } from '../support/http/problems.ts';
import {
  createSystemClient,
  orderBody,
  startTestSystem,
  type SystemClient,
  type TestSystem,
} from '../support/system.ts';

/** Two cells, each with a database, a namespace, an API and a worker, and one address in front of them. */
let cells: { readonly a: TestSystem; readonly b: TestSystem };
let router: Server;
let client: SystemClient;

const PLACES = { ada: 'a', bolt: 'a', cyan: 'b' } as const;
type Tenant = keyof typeof PLACES;
const TENANTS = Object.keys(PLACES) as Tenant[];

beforeAll(async () => {
  const served = (cell: 'a' | 'b'): string => TENANTS.filter((tenant) => PLACES[tenant] === cell).join(',');
  const [a, b] = await Promise.all([
    startTestSystem({ env: { TENANTS: served('a') } }),
    startTestSystem({ env: { TENANTS: served('b') } }),
  ]);
  cells = { a, b };
  router = createRouter();
  router.listen(0, '127.0.0.1');
  await once(router, 'listening');
  const address = router.address();
  client = createSystemClient(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  for (const tenant of TENANTS) await stockUp(tenant);
});
afterAll(async () => {
  router.close();
  await Promise.all([cells.a.stop(), cells.b.stop()]);
});

/** What a gateway does: it reads the tenant from the token, which the cell verifies, and passes the request on. */
function createRouter(): Server {
  return createServer((incoming, outgoing) => {
    const [, token = ''] = (incoming.headers.authorization ?? '').split(' ');
    const { tenant } = decodeJwt(token);
    const { url } = cells[PLACES[tenant as Tenant]];
    const { method, headers } = incoming;
    const passed = forward(new URL(incoming.url ?? '/', url), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
}

async function ask<Body>(tenant: Tenant, path: string, init: RequestInit = {}) {
  return client.request<Body>(path, {
    ...init,
    token: await client.token(tenant),
    headers: { 'idempotency-key': randomUUID(), ...(init.headers as Record<string, string> | undefined) },
  });
}

async function stockUp(tenant: Tenant): Promise<void> {
  const product = { name: 'A thing', priceMinor: 2_250, currency: 'EUR' };
  const made = await ask(tenant, '/v1/products/SKU-0001', { method: 'PUT', body: JSON.stringify(product) });
  expect(made.status).toBeLessThan(300);
  const stock = { delta: 100, reason: 'delivery' };
  const filled = await ask(tenant, '/v1/stock/SKU-0001/adjustments', { method: 'POST', body: JSON.stringify(stock) });
  expect(filled.status).toBeLessThan(300);
}

async function order(tenant: Tenant, key: string): Promise<string> {
  const answer = await ask<{ id: string }>(tenant, '/v1/orders', {
    method: 'POST',
    headers: { 'idempotency-key': key },
    body: JSON.stringify(orderBody()),
  });
  expect(answer.status).toBe(202);
  return answer.body.id;
}

/** The tenants that have rows in any table of a database. */
async function tenantsIn({ database }: TestSystem): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns
     WHERE column_name = 'tenant_id' AND table_schema IN ('orders', 'inventory', 'payments', 'notifications', 'audit')`,
  );
  expect(tables.length).toBeGreaterThan(10);
  const found = await Promise.all(
    tables.map(({ name }) => database.query<{ tenant: string }>(`SELECT DISTINCT tenant_id AS tenant FROM ${name}`)),
  );
  // These have a catalog from the seed, in every database.
  return [...new Set(found.flat().map(({ tenant }) => tenant))]
    .filter((tenant) => !['demo', 'acme'].includes(tenant))
    .toSorted();
}

it("Each tenant's orders are carried out in its own cell, and no row of it is in the other's database", async () => {
  // The same key in every tenant: ids follow from tenant and key, so that cells need no coordination.
  const key = randomUUID();
  const ids = await Promise.all(TENANTS.map((tenant) => order(tenant, key)));
  expect(new Set(ids).size).toBe(TENANTS.length);
  for (const [at, tenant] of TENANTS.entries()) {
    await untilStatus(cells[PLACES[tenant]], ids[at] ?? '', 'CONFIRMED');
    expect(await order(tenant, key)).toBe(ids[at]);
  }
  const refunded = ids[TENANTS.indexOf('cyan')] ?? '';
  const asCyan: SystemClient['request'] = async (path, init) =>
    client.request(path, { ...init, token: await client.token('cyan') });
  expect(await giveCommand({ request: asCyan }, refunded, { route: 'refunds' })).toMatchObject({ status: 202 });
  await untilStatus(cells.b, refunded, 'REFUNDED');

  expect(await tenantsIn(cells.a)).toEqual(['ada', 'bolt']);
  expect(await tenantsIn(cells.b)).toEqual(['cyan']);
  for (const cell of [cells.a, cells.b]) {
    expect(await auditOf(cell)).toMatchObject({ clean: true, violations: [] });
  }
});

it('A request that is routed to the wrong cell is refused before anything is stored', async () => {
  const { a, b } = cells;
  const [before, token] = [await tenantsIn(b), await a.token('ada')];
  const stray = await b.request('/v1/orders', {
    method: 'POST',
    token,
    headers: { 'idempotency-key': randomUUID() },
    body: JSON.stringify(orderBody()),
  });
  expect(expectProblem(stray, 'unauthorized').detail).toContain('not served here');
  expect(await tenantsIn(b)).toEqual(before);
  expect((await a.request('/v1/orders', { token })).status).toBe(200);
});
