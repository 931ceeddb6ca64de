import { afterAll, beforeAll, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { postAtRate, settle } from '../support/load.ts';
import { startProcessSystem, type ProcessSystem, type ServiceName } from '../support/processes/process-system.ts';

const EVERYTHING: readonly ServiceName[] = ['combined', 'temporal', 'postgres', 'simulator', 'mail'];

/** kill -9 under 20 orders/s, one system for all of it: what one crash leaves behind, the next one meets. */

let system: ProcessSystem;
beforeAll(async () => {
  system = await startProcessSystem(['combined']);
});
afterAll(() => system.stop());

it.each<[string, readonly ServiceName[]]>([
  ['the combined process', ['combined']],
  ['the Temporal server', ['temporal']],
  ['PostgreSQL', ['postgres']],
  ['everything at once', EVERYTHING],
])('A kill -9 of %s under load loses no accepted order and charges none twice', async (_, victims) => {
  const load = postAtRate(system, { count: 100, perSecond: 20 });
  await sleep(2_000);
  await Promise.all(victims.map((victim) => system.signal(victim, 'SIGKILL')));
  // The servers a program needs at its start come first, as an orchestrator's restarts would have it in the end.
  for (const victim of victims.toReversed()) await system.start(victim);
  await system.ready();

  const posts = await load;
  const ids = posts.map((post) => post.orderId ?? `lost ${post.key}`);
  const orders = await settle(system, ids, 60_000);
  for (const [id, order] of orders) {
    expect(order, id).toMatchObject({ status: 'CONFIRMED', payment: { capturedMinor: 4_500, refundedMinor: 0 } });
    expect(
      (await system.ledger(id)).filter((entry) => entry.kind === 'sale'),
      id,
    ).toHaveLength(1);
  }
});
