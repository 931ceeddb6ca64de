import { execFileSync } from 'node:child_process';
import { chownSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CLUSTER } from '../../../src/dev/postgres/postgres-home.ts';
import type { ProcessSystem } from './process-system.ts';

/** Every finished piece of the log goes into a folder beside the data. */
export const ARCHIVING = { archive_mode: 'on', archive_command: 'mkdir -p ../archive && cp %p ../archive/%f' };

/** A copy of a running server's data, and the file that says where in the log the copy begins. */
export interface BaseBackup {
  readonly folder: string;
  readonly label: string;
}

/** Copies the data of the running server, as the manual describes it for a low-level backup. */
export async function takeBaseBackup({ databases, postgresFolder }: ProcessSystem): Promise<BaseBackup> {
  const session = await databases.orders.pool.connect();
  try {
    await session.query(`SELECT pg_backup_start('a test', true)`);
    const folder = join(postgresFolder, 'backup');
    execFileSync('cp', ['-Rp', join(postgresFolder, CLUSTER), folder]);
    const { rows } = await session.query('SELECT labelfile FROM pg_backup_stop(false)');
    // What the server was doing is in the archive.
    rmSync(join(folder, 'postmaster.pid'), { force: true });
    execFileSync('find', [join(folder, 'pg_wal'), '-type', 'f', '-delete']);
    return { folder, label: (rows[0] as { labelfile: string }).labelfile };
  } finally {
    session.release();
  }
}

/** The instant by the database's clock. */
export async function databaseTime({ databases }: ProcessSystem): Promise<string> {
  const { rows } = await databases.orders.pool.query(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS now`,
  );
  return (rows[0] as { now: string }).now;
}

/** Waits until everything that was written so far is in the archive. */
export async function untilArchived({ databases }: ProcessSystem): Promise<void> {
  const { pool } = databases.orders;
  const { rows } = await pool.query(`SELECT pg_walfile_name(pg_switch_wal()) AS "lastFile"`);
  const { lastFile } = rows[0] as { lastFile: string };
  const archived = async (): Promise<string> => {
    const { rows: found } = await pool.query('SELECT last_archived_wal AS name FROM pg_stat_archiver');
    return (found[0] as { name: string | null }).name ?? '';
  };
  await expect.poll(async () => (await archived()) >= lastFile).toBe(true);
}

/**
 * Loses the data of the server, and restores the backup and the archived log, up to an instant or else to the end of
 * the backup.
 */
export async function restoreBackup(
  system: ProcessSystem,
  { folder, label }: BaseBackup,
  instant: string | null,
): Promise<void> {
  await system.signal('postgres', 'SIGKILL');
  const cluster = join(system.postgresFolder, CLUSTER);
  rmSync(cluster, { recursive: true });
  execFileSync('cp', ['-Rp', folder, cluster]);
  const { uid, gid } = statSync(cluster);
  for (const [name, text] of [
    ['backup_label', label],
    ['recovery.signal', ''],
  ] as const) {
    writeFileSync(join(cluster, name), text);
    chownSync(join(cluster, name), uid, gid);
  }
  // At its start the server knows no zone by its letter.
  await system.startPostgres({
    restore_command: 'cp ../archive/%f %p',
    recovery_target_action: 'promote',
    ...(instant === null ? { recovery_target: 'immediate' } : { recovery_target_time: instant.replace('Z', '+00') }),
  });
}
