import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logTail } from '../processes/process-log.ts';
import { CLUSTER, type PostgresHome } from './postgres-home.ts';
import { describeExit, runToEnd } from '../processes/processes.ts';

/** The only role. */
export const SUPERUSER = 'postgres';

/** 192 random bits; base64url needs no escaping in a connection string. */
const PASSWORD_BYTES = 24;

const DATABASE_NAME = /^[a-z_][a-z0-9_]*$/;

/** The environment of initdb: it has no variable of ours, and its fixed time zone is not guessed from the machine. */
const PLAIN_ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** The properties of a new cluster. */
export interface ClusterOptions {
  readonly home: PostgresHome;
  readonly settings: Readonly<Record<string, string>>;
  readonly databases: readonly string[];
  readonly logFile: string;
  readonly log: (line: string) => void;
}

/**
 * Makes the cluster when the data folder has none (UTF-8, C locale, password by SCRAM), and returns the superuser's
 * password, which is in a file of mode 0600 beside it. An interrupted first run leaves nothing half made.
 */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const { home } = options;
  const cluster = join(home.folder, CLUSTER);
  const passwordFile = join(home.folder, 'password');
  if (existsSync(cluster)) {
    assertOurs(home, cluster);
    return readFileSync(passwordFile, 'utf8').trim();
  }
  options.log('PostgreSQL: making a new database cluster');
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (home.account !== null) chownSync(passwordFile, home.account.uid, home.account.gid);
  const unfinished = `${cluster}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  await initialize(options, unfinished, passwordFile);
  for (const name of options.databases) addDatabase(options, unfinished, name);
  renameSync(unfinished, cluster);
  return password;
}

async function initialize({ home, settings, logFile }: ClusterOptions, into: string, passwordFile: string) {
  const sync = settings['fsync'] === 'off' ? ['--no-sync'] : [];
  const status = await runToEnd({
    name: 'initdb',
    command: home.binaries.initdb,
    args: [
      ['-D', into, '-U', SUPERUSER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ['--encoding', 'UTF8', '--no-locale', '--no-instructions', ...sync],
    ].flat(),
    logFile,
    cwd: home.folder,
    account: home.account,
    env: PLAIN_ENVIRONMENT,
  });
  if (status.code !== 0) throw new Error(`initdb failed (${describeExit(status)}):\n${logTail(logFile)}`);
}

/** Single-user mode needs neither a port nor a client. */
function addDatabase({ home, settings }: ClusterOptions, cluster: string, name: string): void {
  if (!DATABASE_NAME.test(name)) throw new Error(`${name} is not a plain database name`);
  execFileSync(home.binaries.postgres, ['--single', '-D', cluster, ...settingFlags(settings), 'postgres'], {
    input: `CREATE DATABASE ${name};\n`,
    cwd: home.folder,
    stdio: 'pipe',
    env: PLAIN_ENVIRONMENT,
    ...home.account,
  });
}

/** Settings as arguments of the server. */
export function settingFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function assertOurs(home: PostgresHome, cluster: string): void {
  const owner = statSync(cluster).uid;
  const self = home.account?.uid ?? process.getuid?.();
  if (self === undefined || owner === self) return;
  throw new Error(
    `${cluster} belongs to user ${owner}, PostgreSQL would run as user ${self}: use the same user as before`,
  );
}
