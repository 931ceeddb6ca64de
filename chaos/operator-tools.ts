import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createDatabase } from '../db/client.ts';
import { SCOPES } from '../src/domain/access/scopes.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../src/dev/dev-token.ts';
import type { History } from './history.ts';
import type { ControlledSystem } from './system/system.ts';

// What the documents tell an operator to do after an incident.

const COMMAND_WITHIN_MS = 90_000;
const TRIES_MAX = 10;
const REPAIRS_MAX = 3;
const AGAIN_MS = 1_000;

/**
 * Continues orders whose workflow was terminated or deleted, by `npm run orders -- repair --yes`.
 * @throws {Error} with what the command has printed, when it fails again and again.
 */
export async function repairOrders(system: ControlledSystem): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await runOrdersCommand(system, ['repair', '--yes', '--actor', 'chaos']);
      return;
    } catch (error) {
      if (tries === REPAIRS_MAX) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

/** Runs `npm run orders`. @throws {Error} with what it has printed, when its exit code is not 0. */
async function runOrdersCommand({ projectFolder, settings }: ControlledSystem, words: readonly string[]) {
  try {
    await promisify(execFile)(process.execPath, ['src/cli/main.ts', ...words], {
      cwd: projectFolder,
      env: { PATH: '/usr/bin:/bin', ...settings.toolEnv },
      timeout: COMMAND_WITHIN_MS,
      maxBuffer: 64 * 1_024 * 1_024,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`orders ${words.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Compares the books of an order with the provider's, as an operator does who has moved money in the dashboard. */
export async function reconcileOrder(system: ControlledSystem, orderId: string, history: History): Promise<void> {
  const token = await tokenFor(system, await tenantOf(system, orderId));
  const key = randomUUID();
  const entry = { who: 'operator-reconcile', op: 'reconcile', key, order: orderId } as const;
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    history.write({ ...entry, type: 'invoke' });
    const status = await postReconcile(system, { orderId, token, key });
    // A busy order, or a service that is away, is asked again.
    const isAgain = status === 0 || status >= 500 || status === 409 || status === 429;
    history.write({ ...entry, type: isAgain ? 'info' : status < 300 ? 'ok' : 'fail', status });
    if (!isAgain) return;
    await sleep(AGAIN_MS);
  }
}

interface Reconciliation {
  readonly orderId: string;
  readonly token: string;
  readonly key: string;
}

async function postReconcile(system: ControlledSystem, { orderId, token, key }: Reconciliation): Promise<number> {
  try {
    const response = await fetch(`${system.apiUrls[0]}/v1/orders/${orderId}/payments/reconcile`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'refunded in the dashboard' }),
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return 0;
  }
}

function tokenFor({ settings }: ControlledSystem, tenant: string): Promise<string> {
  return signDevToken({
    secret: settings.jwtSecret,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    tenant,
    scopes: SCOPES,
    ttlSeconds: 3_600,
  });
}

/** Whether the first step of the order has written its row. */
export async function hasRow(system: ControlledSystem, orderId: string | null): Promise<boolean> {
  return orderId !== null && (await findTenant(system, orderId)) !== null;
}

async function tenantOf(system: ControlledSystem, orderId: string): Promise<string> {
  const tenant = await findTenant(system, orderId);
  if (tenant === null) throw new Error(`there is no order ${orderId}`);
  return tenant;
}

async function findTenant({ databaseUrl }: ControlledSystem, orderId: string): Promise<string | null> {
  const database = createDatabase({
    url: databaseUrl,
    poolSize: 1,
    applicationName: 'chaos-operator',
    onIdleError: () => {},
  });
  try {
    const { rows } = await database.pool.query<{ tenant: string }>(
      'SELECT tenant_id AS tenant FROM orders.orders WHERE order_id = $1',
      [orderId],
    );
    return rows[0]?.tenant ?? null;
  } finally {
    await database.close();
  }
}
