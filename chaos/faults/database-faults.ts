import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase } from '../../db/client.ts';
import { PASS } from '../links/link-mode.ts';
import { canMountDisk } from '../system/small-disk.ts';
import type { ControlledSystem } from '../system/system.ts';
import type { FaultKind } from './fault-kind.ts';

/** Time between two rounds of a storm. */
const STORM_EVERY_MS = 300;

/** Ends sessions of a database (all of them when `like` is `%`), except those of the harness. */
async function terminateBackends({ controls }: ControlledSystem, like: string): Promise<void> {
  await controls.postgres.admin.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND datname LIKE $1 AND application_name NOT LIKE 'chaos-%'`,
    [like],
  );
}

/** Sessions are ended by the administrator, every 300 ms, whatever they are doing. */
const terminateStorm: FaultKind = {
  name: 'terminate-backends',
  lengthMs: [1_000, 5_000],
  targets: () => ['postgres'],
  begin: async ({ system, signal }) => {
    const storm = (async () => {
      while (!signal.aborted) {
        await terminateBackends(system, '%').catch(() => {});
        await sleep(STORM_EVERY_MS, undefined, { signal }).catch(() => {});
      }
    })();
    return () => storm;
  },
};

/** More than the server has. */
const HOARD_MAX = 200;

/** Others have taken all connections of the server, after those of the product were ended once. */
const connectionHoard: FaultKind = {
  name: 'no-connections-left',
  lengthMs: [1_000, 6_000],
  targets: () => ['postgres'],
  begin: async ({ system }) => {
    const url = system.controls.postgres.url('postgres');
    const hoard = createDatabase({ url, poolSize: HOARD_MAX, applicationName: 'chaos-hoard', onIdleError: () => {} });
    await terminateBackends(system, 'chaos_app');
    // The server refuses the last ones.
    const taken = Promise.allSettled(Array.from({ length: HOARD_MAX }, () => hoard.pool.connect()));
    return async () => {
      for (const each of await taken) if (each.status === 'fulfilled') each.value.release(true);
      await hoard.close();
    };
  },
};

/** A long transaction of somebody else holds a lock on a table that orders write. */
const longLock: FaultKind = {
  name: 'locked-table',
  lengthMs: [500, 4_000],
  targets: () => ['inventory.stock', 'orders.orders', 'payments.operations'],
  claims: () => ['postgres'],
  begin: async ({ system, target }) => {
    const url = system.databaseUrl;
    const locker = createDatabase({ url, poolSize: 1, applicationName: 'chaos-lock', onIdleError: () => {} });
    const client = await locker.pool.connect();
    await client.query('BEGIN');
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const locked = client.query(`LOCK TABLE ${target} IN EXCLUSIVE MODE`);
    // It gives up after some seconds when it does not get the lock.
    locked.catch(() => {});
    return async () => {
      client.release(true);
      await locker.close();
    };
  },
};

/** Temporal cannot reach its database, and its sessions there are gone. */
const temporalStoreLost: FaultKind = {
  name: 'temporal-store-lost',
  lengthMs: [500, 5_000],
  targets: () => ['temporal>postgres'],
  begin: async ({ system }) => {
    const store = system.controls.links.get('temporal>postgres');
    await store?.set({ kind: 'refuse' });
    await terminateBackends(system, 'chaos_temporal').catch(() => {});
    return async () => store?.set(PASS);
  },
};

/** The disk of the product's tables is full; PostgreSQL's log of changes (WAL) is on another disk, as it should be. */
const diskFull: FaultKind = {
  name: 'disk-full',
  lengthMs: [1_000, 6_000],
  targets: () => ['postgres'],
  whyNot: () => (canMountDisk() ? null : 'only root can mount a small disk (tmpfs) for the tables'),
  begin: async ({ system }) => {
    const { disk } = system.controls.postgres;
    if (disk === null) throw new Error('the tables have no disk of their own');
    await disk.fill();
    return () => disk.free();
  },
};

/** Faults of PostgreSQL. */
export const DATABASE_FAULTS: readonly FaultKind[] = [
  terminateStorm,
  connectionHoard,
  longLock,
  temporalStoreLost,
  diskFull,
];
