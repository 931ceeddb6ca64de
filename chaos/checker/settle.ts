import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/client.ts';
import type { ChaosSystem } from '../system/system.ts';
import type { WaitingDelivery, Workload } from '../workload/workload.ts';
import { readAll } from './read-facts.ts';

/** What is still under way, by what it waits for. */
export type Unsettled = Readonly<Record<string, number>>;

/** How the system came to rest. */
export interface Settled {
  /** From the last heal, so the operators' repair is part of it. */
  readonly seconds: number;
  /** What was still under way when the patience ended; empty when everything had ended. */
  readonly left: Unsettled;
}

const LOOK_EVERY_MS = 1_000;

/** Everything that the service has promised to do and has not done yet. */
const COUNTS: Readonly<Record<string, string>> = {
  'orders in motion': `
SELECT count(*) AS count FROM orders.orders o
WHERE status IN ('PENDING', 'CANCELLING', 'REFUNDING') OR owner_command_id IS NOT NULL`,
  'open cases': `SELECT count(*) AS count FROM orders.cases WHERE state = 'open'`,
  'changes of orders not in the event log': `
SELECT (SELECT count(*) FROM orders.event_outbox) + (SELECT count(*) FROM orders.case_outbox) AS count`,
  'events that no consumer has handled': `
SELECT coalesce(sum(p.next_sequence - 1 - c.sequence), 0) AS count
FROM events.cursors c JOIN events.partitions p ON p.partition = c.partition`,
  'events that are tried again': `SELECT count(*) AS count FROM events.retrying_events`,
  'events whose effect failed': `
SELECT count(*) AS count FROM events.failed_events WHERE error_code = 'effect_unavailable'`,
  'webhooks under way': `
SELECT count(*) AS count FROM notifications.webhook_deliveries WHERE state IN ('PENDING', 'RETRYING')`,
  'messages under way': `
SELECT count(*) AS count FROM notifications.messages WHERE state IN ('PENDING', 'RETRYING')`,
};

/** How long after the last heal a run waits. Everything may take 120 s; what takes longer is told by its name. */
export const SETTLE_WITHIN_MS = 180_000;

/** How long is waited, and from when; the moment is one of `performance.now()`. */
interface Patience {
  readonly patienceMs: number;
  readonly since: number;
}

/** Waits until nothing is under way; operators and merchants act meanwhile, as they would. */
export async function settle(
  { simulatorUrl }: Pick<ChaosSystem, 'simulatorUrl'>,
  { database, workload }: { readonly database: Database; readonly workload: Workload },
  { patienceMs, since }: Patience,
): Promise<Settled> {
  await bringMethodBack(simulatorUrl);
  let waiting = 1;
  void workload.finished.then(() => (waiting = 0));
  for (;;) {
    const clients = waiting === 0 ? {} : { 'clients that wait': waiting };
    const left = { ...clients, ...(await countUnsettled(database)) };
    const tookMs = performance.now() - since;
    if (Object.keys(left).length === 0 || tookMs > patienceMs) return { seconds: tookMs / 1_000, left };
    await workload.redeliver(await waitingDeliveries(database));
    await sleep(LOOK_EVERY_MS);
  }
}

/** The method that is always down is healed, too: nothing is left that keeps an order from its end. */
async function bringMethodBack(simulatorUrl: string): Promise<void> {
  await fetch(`${simulatorUrl}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ pmDown: false }),
  });
}

async function countUnsettled(database: Database): Promise<Unsettled> {
  const left: Record<string, number> = {};
  for (const [name, text] of Object.entries(COUNTS)) {
    const [row] = await readAll<{ count: string | number }>(database, text);
    const count = Number(row?.count ?? 0);
    if (count > 0) left[name] = count;
  }
  return left;
}

/** Webhooks whose next try is more than some seconds away. */
function waitingDeliveries(database: Database): Promise<WaitingDelivery[]> {
  return readAll<WaitingDelivery>(
    database,
    `
SELECT tenant_id AS "tenantId", subscription_id AS "subscriptionId", delivery_id AS "deliveryId"
FROM notifications.webhook_deliveries
WHERE state = 'RETRYING' AND next_attempt_at > now() + interval '3 seconds' ORDER BY seq LIMIT 50`,
  );
}
