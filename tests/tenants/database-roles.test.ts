import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listOperations } from '../../tools/role-matrix.ts';
import { urlAs } from '../support/database/logins.ts';
import { createFaults } from '../support/faults/faults.ts';
import {
  askOperation,
  EVERY_OPERATION,
  isLetIn,
  makeThings,
  refreshThings,
} from '../support/http/operation-examples.ts';
import { startApiProcess } from '../support/processes/another-api.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    roles: true,
    webhooks: true,
    events: true,
    env: EVERY_OPERATION,
    wrapActivities: faults.wrap,
  });
});
afterAll(() => system.stop());

it('Orders, events and reports of the provider come to their end with the rights of the API and the worker', async () => {
  const orderId = await system.postOrder();
  expect(await system.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED', totalMinor: 4_500 });
  // The simulator reports the charge, the API stores the report, and finds it in the books.
  const reports = () =>
    system.database.query('SELECT state FROM payments.payment_notices WHERE order_id = $1', [orderId]);
  await expect.poll(reports).toEqual([{ state: 'APPLIED' }]);
  const event = { type: 'purchase', userId: 'u1', id: randomUUID(), properties: { amount: 1_200 } };
  await system.request('/v1/events', { method: 'POST', body: JSON.stringify(event) });
  const read = async () => (await system.request(`/v1/events/${event.id}`)).body;
  await expect.poll(read).toMatchObject({ status: 'PROCESSED' });
});

it('Every operation works with the rights of the API and the worker, and row-level security on', async () => {
  const token = await system.token();
  const things = await makeThings(system, faults, token);
  const wrong: string[] = [];
  const operations = listOperations()
    .filter(({ scopes }) => scopes.length > 0)
    .toSorted((one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'));
  for (const operation of operations) {
    const answer = await askOperation(system, operation, { token, things: await refreshThings(system, things) });
    if (!isLetIn(answer)) wrong.push(`${operation.name}: ${answer.status} ${answer.text.slice(0, 300)}`);
  }
  expect(wrong).toEqual([]);
});

it('An API does not start with a role that policies hold and the setting off', async () => {
  const DATABASE_URL = urlAs('order_saga_api', system.env['DATABASE_URL'] ?? '');
  await expect(startApiProcess(system, { DATABASE_URL, LOG_LEVEL: 'info' })).rejects.toThrow(
    'set DATABASE_ROW_LEVEL_SECURITY=true',
  );
});

it('An API does not start with the setting on and a role that policies do not hold', async () => {
  const env = { DATABASE_ROW_LEVEL_SECURITY: 'true', LOG_LEVEL: 'info' };
  await expect(startApiProcess(system, env)).rejects.toThrow('log in as a member of order_saga_api');
});

it('A combined process does not start with the setting on', async () => {
  const env = { DATABASE_ROW_LEVEL_SECURITY: 'true', LOG_LEVEL: 'info' };
  await expect(startApiProcess(system, env, 'src/combined.ts')).rejects.toThrow('run API and worker one by one');
});
