import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { loadConfig } from '../../src/config.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { resetToStart } from '../support/faults/order-actions.ts';
import { createLife, type Life } from '../support/processes/lived-orders.ts';
import { inThisProcess, type Run } from '../support/processes/orders-command.ts';
import {
  ARCHIVING,
  databaseTime,
  restoreBackup,
  takeBaseBackup,
  untilArchived,
  type BaseBackup,
} from '../support/processes/postgres-backup.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';

/** Orders of the load on each side of the instant. */
const LOAD = 24;

let system: ProcessSystem;
let life: Life;
let backup: BaseBackup;
let backupEnd: string;
beforeAll(async () => {
  const queues = { WORKER_QUEUES: 'orders,inventory,payments,notifications,events', LOG_LEVEL: 'info' };
  system = await startProcessSystem(['api', 'worker'], queues, ARCHIVING);
  life = createLife(system);
});
afterAll(() => system.stop());

const orders = (args: readonly string[], onTold?: (text: string) => void): Promise<Run> =>
  inThisProcess(args, { ...system.env, DATA_DIR: '/nonexistent' }, onTold);

async function stopPrograms(): Promise<void> {
  await Promise.all([system.signal('api', 'SIGKILL'), system.signal('worker', 'SIGKILL')]);
}

async function withTemporal<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = createTemporalClient(loadConfig(system.env).temporal);
  try {
    return await work(client);
  } finally {
    await client.connection.close();
  }
}

function audit(): Promise<unknown[]> {
  return withTemporal(async (client) => {
    const sources = { databases: system.databases, client, paymentGatewayUrl: system.simulatorUrl };
    return [...(await createAudit(sources, { patienceMs: 20_000 }).run()).violations];
  });
}

/** The replay says when a worker is needed: it has begun the open orders anew by then. */
async function replay(instant: string): Promise<Run> {
  const args = ['replay', '--closed-after', instant, '--yes', '--actor', 'ada'];
  const starts: Promise<void>[] = [];
  const replayed = await orders(args, () => {
    if (starts.length === 0) starts.push(system.start('worker'));
  });
  await Promise.all(starts);
  return replayed;
}

/**
 * A cancel that only the row has: the task that decided it was dropped, and the workflow has followed the row since.
 */
async function cancelUnseen(): Promise<void> {
  const { post, until } = life;
  const orderId = await post({ method: 'pm_down' });
  const command = {
    commandId: `cmd_${orderId}`,
    requestHash: 'hash',
    actor: 'a-test',
    reason: null,
    amountMinor: null,
  };
  const decide = () =>
    createCommandRepository(system.databases.orders).decide(
      { ...command, orderId, tenantId: 'demo', kind: 'cancel' },
      { kind: 'apply', name: 'cancel_before_sale' },
    );
  // Null while the order is not opened.
  await expect.poll(decide).toMatchObject({ decision: 'will_refund' });
  await withTemporal((client) => resetToStart({ client }, orderWorkflowId(orderId)));
  await until(orderId, 'CANCELLED');
}

/** Orders on which something is done after the instant. */
async function liveBefore() {
  const { order, authorized, post } = life;
  return {
    refunded: await order('CONFIRMED'),
    cancelled: await order('CONFIRMED'),
    captured: await authorized(),
    voided: await authorized(),
    unknown: await post({ method: 'pm_down' }),
    waiting: await authorized(),
  };
}

/** The last pieces are sold, given back, and sold again. */
async function sellTheLast(): Promise<void> {
  const { order, give, until } = life;
  const first = await order('CONFIRMED', { sku: 'SKU-SCARCE', quantity: 5 });
  await order('REJECTED', { sku: 'SKU-SCARCE', quantity: 1 });
  await give(first, { route: 'cancel' });
  await until(first, 'CANCELLED');
  await order('CONFIRMED', { sku: 'SKU-SCARCE', quantity: 5 });
}

/** The cancel comes a day after the sale. */
async function outlastWindow(orderId: string): Promise<void> {
  const text = `UPDATE orders.orders SET confirmed_at = confirmed_at - interval '1 day' WHERE order_id = $1`;
  await system.databases.orders.pool.query(text, [orderId]);
}

async function moveMoney({ refunded, cancelled }: Awaited<ReturnType<typeof liveBefore>>): Promise<void> {
  const { order, give, refund, refundOutside, refusalOf, until } = life;
  await refund(refunded, 1_000, 'PARTIALLY_REFUNDED');
  await refundOutside(refunded, 500);
  await refund(refunded, 300, 'PARTIALLY_REFUNDED');
  await refund(refunded, null, 'REFUNDED');
  const twice = await order('CONFIRMED');
  await refund(twice, 700, 'PARTIALLY_REFUNDED');
  await refund(twice, 300, 'PARTIALLY_REFUNDED');
  const kept = await order('CONFIRMED');
  expect(await refusalOf(kept, { route: 'refunds', amountMinor: 99_999 })).toBe('amount_exceeds_captured');
  await outlastWindow(kept);
  expect(await refusalOf(kept, { route: 'cancel' })).toBe('too_late');
  await give(cancelled, { route: 'cancel' });
  await until(cancelled, 'CANCELLED');
}

async function moveUnsold({ captured, voided }: Awaited<ReturnType<typeof liveBefore>>): Promise<void> {
  const { authorized, give, post, until } = life;
  await give(captured, { route: 'capture', amountMinor: 2_000 });
  await until(captured, 'CONFIRMED');
  await give(voided, { route: 'cancel' });
  await until(voided, 'CANCELLED');
  const whole = await authorized();
  await give(whole, { route: 'capture' });
  await until(whole, 'CONFIRMED');
  const unsold = await post({ method: 'pm_down' });
  await give(unsold, { route: 'cancel' });
  await until(unsold, 'CANCELLED');
  await cancelUnseen();
  await authorized();
  await post({ method: 'pm_down' });
}

it('A database that is set back by its archived log comes back to what was done since, and nobody is charged twice', async () => {
  await life.load(LOAD);
  backup = await takeBaseBackup(system);
  backupEnd = await databaseTime(system);
  const before = await liveBefore();
  const loading = life.load(LOAD);
  const instant = await databaseTime(system);
  await loading;
  await sellTheLast();
  await moveMoney(before);
  await moveUnsold(before);

  const seen = await life.snapshot();
  const ledger = await movedMoney();
  await untilArchived(system);
  await stopPrograms();
  await restoreBackup(system, backup, instant);

  const tooEarly = await orders(['repair', '--dry-run']);
  expect.soft(tooEarly).toMatchObject({ code: 1, output: '' });
  expect.soft(tooEarly.errors).toContain('a replay is due before anything is repaired');
  // By the time of the replay, the window of the cancel is over.
  await outlastWindow(before.cancelled);
  const replayed = await replay(instant);
  expect.soft(replayed).toMatchObject({ code: 0 });
  await system.start('api');
  await system.ready('api');
  expect.soft(await movedMoney()).toEqual(ledger);
  expect.soft(await audit()).toEqual([]);
  await expect.poll(() => life.snapshot()).toEqual(seen);
  const { output } = await orders(['replay', '--closed-after', instant, '--dry-run', '--json']);
  expect(JSON.parse(output)).toEqual({ due: [] });
  expect(await orders(['repair', '--dry-run', '--json'])).toMatchObject({ code: 0, output: '{\n  "found": []\n}\n' });
});

it('A database that is set back to its last copy, long before, comes back as well, a second time', async () => {
  const seen = await life.snapshot();
  const ledger = await movedMoney();
  await stopPrograms();
  await restoreBackup(system, backup, null);
  expect(await orders(['repair', '--dry-run'])).toMatchObject({ code: 1 });
  const replayed = await replay(backupEnd);
  expect.soft(replayed).toMatchObject({ code: 0 });
  await system.start('api');
  await system.ready('api');
  expect.soft(await movedMoney()).toEqual(ledger);
  expect.soft(await audit()).toEqual([]);
  await expect.poll(() => life.snapshot()).toEqual(seen);
});

it('A lost Temporal fills itself; a repair ends what was in motion, and repeated keys make no second order', async () => {
  await system.signal('worker', 'SIGKILL');
  const unopened = [await life.post(), await life.post()];
  const logFile = await apiLog(unopened);
  const ended = [...(await life.snapshot())].filter(([, { status }]) => AT_AN_END.has(status));
  await system.signal('api', 'SIGKILL');
  await system.signal('temporal', 'SIGKILL');
  await system.loseTemporal();
  await system.start('temporal');
  await Promise.all([system.start('api'), system.start('worker')]);
  await system.ready('api');

  const named = await orders(['missing', logFile, '--json']);
  expect(named.code).toBe(1);
  const { missing } = JSON.parse(named.output) as { missing: { orderId: string }[] };
  expect(missing.map(({ orderId }) => orderId)).toEqual(unopened);

  // Until the worker polls, that is the reason of the refusal.
  const refusal = async () => (await orders(['repair', '--yes', '--actor', 'ada'])).errors;
  await expect.poll(refusal).toContain('--temporal-lost');
  await expect.poll(() => orders(['repair', '--yes', '--actor', 'ada', '--temporal-lost'])).toMatchObject({ code: 0 });
  expect(await life.repeatAll()).toEqual([]);
  for (const orderId of unopened) await life.until(orderId, 'CONFIRMED');
  expect(await orders(['missing', logFile])).toMatchObject({ code: 0 });

  const now = await life.snapshot();
  expect.soft(ended.map(([orderId]) => [orderId, now.get(orderId)])).toEqual(ended);
  expect.soft([...now.values()].filter(({ status }) => !AT_AN_END.has(status))).toEqual([]);
  expect(await audit()).toEqual([]);
  expect(await chargedTwice()).toEqual([]);
});

const AT_AN_END: ReadonlySet<string> = new Set([
  'CONFIRMED',
  'REJECTED',
  'CANCELLED',
  'EXPIRED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
]);

/** The log of the API that runs with all its orders, in a file of its own, because the next API begins a new one. */
async function apiLog(orderIds: readonly string[]): Promise<string> {
  const file = join(system.postgresFolder, 'api.log');
  const isWritten = (text: string): boolean => orderIds.every((orderId) => text.includes(orderId));
  await expect.poll(async () => isWritten(await system.log('api'))).toBe(true);
  await writeFile(file, await system.log('api'));
  return file;
}

/** The movements of money in the provider's ledger. */
async function movedMoney(): Promise<string[]> {
  const moved = (await system.ledger()).filter(({ kind, state }) => kind !== 'void' && state === 'SUCCEEDED');
  return moved.map(({ key, amountMinor }) => `${key} ${amountMinor}`).toSorted();
}

/** The orders that the provider has charged more than once. */
async function chargedTwice(): Promise<string[]> {
  const charges = (await system.ledger()).filter(({ kind, state }) => kind === 'sale' && state === 'SUCCEEDED');
  const ids = charges.map(({ orderId }) => orderId);
  return ids.filter((orderId, index) => ids.indexOf(orderId) !== index);
}
