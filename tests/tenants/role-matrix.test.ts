import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { signDevToken } from '../../src/dev/dev-token.ts';
import { ROLE_NAMES, type Role } from '../../src/domain/access/roles.ts';
import { listOperations, reachOf, type Operation } from '../../tools/role-matrix.ts';
import { createFaults } from '../support/faults/faults.ts';
import {
  askOperation,
  EVERY_OPERATION,
  exampleOf,
  isLetIn,
  makeThings,
  NEVER_OFFERED,
  refreshThings,
  succeeds,
  type TenantThings,
} from '../support/http/operation-examples.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** Seller `demo`, whose catalog is seeded, and `other`, who must see and change nothing of `demo`. */
const TENANT = 'demo';
const OTHER = 'other';

const faults = createFaults();
let system: TestSystem;
let things: TenantThings;
beforeAll(async () => {
  system = await startTestSystem({
    env: { JWT_ROLES_CLAIM: 'roles', ...EVERY_OPERATION },
    wrapActivities: faults.wrap,
  });
  things = await makeThings(system, faults, await tokenOf('admin', TENANT, 'ada'));
});
afterAll(() => system.stop());

/** Deletions come last, because the other operations need what they delete. */
const OPERATIONS = listOperations()
  .filter(({ scopes }) => scopes.length > 0)
  .toSorted((one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'));

function tokenOf(role: Role, tenant: string, subject: string): Promise<string> {
  const secret = system.env['JWT_SECRET'] ?? '';
  const expected = { secret, issuer: 'order-saga', audience: 'order-saga' };
  return signDevToken({ ...expected, tenant, subject, roles: [role], scopes: [], ttlSeconds: 600 });
}

const ask = (operation: Operation, token: string, about = things) =>
  askOperation(system, operation, { token, things: about });

/** An operation about one thing, which its path names. A SKU is a name in each tenant's own catalog. */
const namesOneThing = ({ path }: Operation): boolean => path.includes('{id}');

/** A fingerprint of every row of the tenant, table by table. */
async function rowsOf(tenant: string): Promise<Record<string, string>> {
  const tables = await system.database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns
     WHERE column_name = 'tenant_id' AND table_schema <> 'information_schema' ORDER BY 1`,
  );
  expect(tables.length).toBeGreaterThan(15);
  const hashed = tables.map(async ({ name }) => {
    const [row] = await system.database.query<{ hash: string }>(
      `SELECT coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') AS hash FROM ${name} t WHERE tenant_id = $1`,
      [tenant],
    );
    return [name, row?.hash ?? ''] as const;
  });
  return Object.fromEntries(await Promise.all(hashed));
}

/** What is wrong with a cell; empty when nothing is. A refused request may name the thing that it asked for. */
function faultsOf(cell: string, { isRefused, status, text }: Seen, secrets: readonly string[] = []): string[] {
  const told = succeeds({ status }) ? secrets.filter((secret) => text.includes(secret)) : [];
  const isWrong = status >= 500 || (isRefused && succeeds({ status }));
  return [...(isWrong ? [`${cell}: ${status}`] : []), ...told.map((secret) => `${cell}: tells ${secret}`)];
}

interface Seen {
  readonly isRefused: boolean;
  readonly status: number;
  readonly text: string;
}

const textsOf = ({ orderId, authorizedId, caseId, redriveId, eventId }: TenantThings): string[] => [
  orderId,
  authorizedId,
  caseId,
  redriveId,
  eventId,
];

it('No role of another tenant reads or changes anything of a tenant, by any operation', async () => {
  const before = await rowsOf(TENANT);
  const wrong: string[] = [];
  for (const role of ROLE_NAMES) {
    const token = await tokenOf(role, OTHER, 'ada');
    for (const operation of OPERATIONS) {
      const seen = await ask(operation, token);
      const isForbidden = reachOf(role, operation) === 'none';
      const cell = `${operation.name} as ${role} of another tenant`;
      const isRefused = isForbidden || namesOneThing(operation);
      wrong.push(...faultsOf(cell, { isRefused, ...seen }, textsOf(things)));
      if (isForbidden && seen.status !== 403) wrong.push(`${cell}: ${seen.status} and not 403`);
    }
  }
  expect(wrong).toEqual([]);
  expect(await rowsOf(TENANT)).toEqual(before);
});

it('A customer reads and changes no order of another person of the same tenant, by any operation', async () => {
  const version = () =>
    system.database.query('SELECT version FROM orders.orders WHERE order_id = $1', [things.orderId]);
  const before = await version();
  const token = await tokenOf('customer', TENANT, 'eve');
  const wrong: string[] = [];
  for (const operation of OPERATIONS) {
    const seen = await ask(operation, token);
    const refusal = reachOf('customer', operation) === 'none' ? 403 : namesOneThing(operation) ? 404 : null;
    wrong.push(...faultsOf(operation.name, { isRefused: refusal !== null, ...seen }, textsOf(things)));
    if (refusal !== null && seen.status !== refusal) wrong.push(`${operation.name}: ${seen.status}, not ${refusal}`);
  }
  expect(wrong).toEqual([]);
  expect(await version()).toEqual(before);
});

/** As `ask`, but once the command before it no longer owns the order. */
async function askWhenFree(operation: Operation, token: string, own: TenantThings) {
  return vi.waitFor(
    async () => {
      const seen = await ask(operation, token, await refreshThings(system, own));
      if (seen.text.includes('"order_busy"')) throw new Error(`${operation.name}: the order is busy`);
      return seen;
    },
    { timeout: 20_000, interval: 200 },
  );
}

it('Each role does in its own tenant what the matrix says, and nothing else, by every operation', async () => {
  const done = new Set<string>();
  const wrong: string[] = [];
  for (const role of ROLE_NAMES) {
    // A role that ends an order or a subscription leaves none for the next one.
    const subject = `${role}@example.com`;
    const own = await makeThings(system, faults, await tokenOf('admin', TENANT, subject));
    const token = await tokenOf(role, TENANT, subject);
    for (const operation of OPERATIONS) {
      const seen = await askWhenFree(operation, token, own);
      const isAsSaid = reachOf(role, operation) === 'none' ? seen.status === 403 : isLetIn(seen);
      if (!isAsSaid) wrong.push(`${operation.name} as ${role}: ${seen.status} ${seen.text.slice(0, 200)}`);
      if (succeeds(seen)) done.add(operation.name);
    }
  }
  expect(wrong).toEqual([]);
  // A refusal proves something only if the same request succeeds for a role that may.
  const names = OPERATIONS.map(({ name }) => name);
  expect(names.filter((name) => !done.has(name) && !NEVER_OFFERED.includes(name))).toEqual([]);
});

it('A customer follows and cancels an order of their own, also before a worker has opened it', async () => {
  const token = await tokenOf('customer', TENANT, 'grace');
  const post = (path: string, key: string, body: unknown) =>
    system.request<{ id: string }>(path, {
      method: 'POST',
      token,
      headers: { 'idempotency-key': key },
      body: JSON.stringify(body),
    });
  const order = exampleOf({ name: '', method: 'POST', path: '/v1/orders', action: null, scopes: [] }, things).body;
  const placed = await post('/v1/orders', 'shared-key-1', order);
  expect(placed.status).toBe(202);
  const { id } = placed.body;
  expect((await system.request(`/v1/orders/${id}?wait=20`, { token })).body).toMatchObject({ status: 'CONFIRMED' });
  const list = await system.request<{ items: { id: string }[] }>('/v1/orders', { token });
  expect(list.body.items.map((item) => item.id)).toEqual([id]);
  expect((await post('/v1/orders', 'shared-key-1', order)).headers.get('idempotency-replayed')).toBe('true');
  // The key of another customer is another key: it neither finds this order nor tells that it exists.
  const other = await system.request<{ id: string }>('/v1/orders', {
    method: 'POST',
    token: await tokenOf('customer', TENANT, 'eve'),
    headers: { 'idempotency-key': 'shared-key-1' },
    body: JSON.stringify(order),
  });
  expect(other.headers.get('idempotency-replayed')).toBe('false');
  expect(other.body.id).not.toBe(id);
  expect((await post(`/v1/orders/${id}/cancel`, randomUUID(), { reason: 'mine' })).status).toBe(200);

  await system.stopWorker();
  const waiting = await post('/v1/orders', 'shared-key-2', order);
  expect((await system.request(`/v1/orders/${waiting.body.id}`, { token })).body).toMatchObject({ status: 'PENDING' });
  const eve = await tokenOf('customer', TENANT, 'eve');
  expect((await system.request(`/v1/orders/${waiting.body.id}`, { token: eve })).status).toBe(404);
  const ids = async (as: string) =>
    (await system.request<{ items: { id: string }[] }>('/v1/orders', { token: as })).body.items.map((item) => item.id);
  await expect.poll(() => ids(token)).toContain(waiting.body.id);
  expect(await ids(eve)).not.toContain(waiting.body.id);
});
