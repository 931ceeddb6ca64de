import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  copyBinaries,
  linkLibraries,
  locatePostgresBinaries,
  type PostgresBinaries,
  PostgresUnavailableError,
  survivesShell,
} from './postgres-binaries.ts';
import type { ProcessAccount } from '../processes/processes.ts';

/** What a running PostgreSQL needs: programs, a folder, and a user. */
export interface PostgresHome {
  readonly binaries: PostgresBinaries;
  /** Real path of the data folder, which belongs to `account`. */
  readonly folder: string;
  /**
   * The user that PostgreSQL runs as if this process is root, because PostgreSQL refuses to run as root; else `null`.
   */
  readonly account: ProcessAccount | null;
}

/** Every user can reach folders here, unlike those below a home of mode 0700. */
const OPEN_FOLDER = '/var/tmp';

/** PostgreSQL's files inside the data folder; the password is beside them. */
export const CLUSTER = 'cluster';

/**
 * Prepares programs and data folder. As root, or if parents of either are closed to other users, the programs are
 * copied or the data is put below /var/tmp, with a symbolic link in place of `dataDirectory`.
 * @throws {PostgresUnavailableError} when PostgreSQL cannot run here at all.
 */
export async function preparePostgresHome(dataDirectory: string, log: (line: string) => void): Promise<PostgresHome> {
  const located = await locatePostgresBinaries();
  const linked = linkLibraries(located);
  const account = chooseAccount(dataDirectory);
  const runnable = linked && survivesShell(located.folder) && canRun(located, account);
  const binaries = runnable ? located : copyBinaries(located, openFolder(dataDirectory));
  if (!canRun(binaries, account)) {
    throw new PostgresUnavailableError(`${binaries.postgres} cannot be run${account ? ` as uid ${account.uid}` : ''}`);
  }
  if (!runnable) log(`PostgreSQL: the programs in node_modules cannot be run there, uses ${binaries.folder}`);
  return { binaries, folder: placeData(dataDirectory, account, log), account };
}

/** Removes the data folder and its parts below /var/tmp. PostgreSQL must be stopped. */
export function removePostgresHome(dataDirectory: string): void {
  const target = linkTarget(dataDirectory);
  const outside = openFolderPath(dataDirectory);
  rmSync(dataDirectory, { recursive: true, force: true });
  if (isOurs(outside)) rmSync(outside, { recursive: true, force: true });
  // The project may have been moved since; the link still names the place.
  if (target !== null && isOurs(dirname(target))) rmSync(dirname(target), { recursive: true, force: true });
}

function chooseAccount(dataDirectory: string): ProcessAccount | null {
  if (process.getuid?.() !== 0) return null;
  const cluster = join(dataDirectory, CLUSTER);
  if (existsSync(cluster)) {
    // The owner of the data continues with it: the user of an earlier start, or of an image.
    const { uid, gid } = statSync(cluster);
    if (uid !== 0) return { uid, gid };
  }
  const account = userNamed('postgres') ?? userNamed('nobody');
  if (account === null)
    throw new PostgresUnavailableError('PostgreSQL does not run as root, and there is no other user');
  return account;
}

function userNamed(name: string): ProcessAccount | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid !== undefined && gid !== undefined ? { uid: Number(uid), gid: Number(gid) } : null;
}

/** The program is tried, because groups, access lists and missing libraries matter beside mode bits. */
function canRun({ folder, postgres }: PostgresBinaries, account: ProcessAccount | null): boolean {
  const version = spawnSync(postgres, ['--version'], { cwd: '/', stdio: 'ignore', ...account });
  return version.status === 0 && passesTest(account, '-r', join(folder, 'share', 'postgresql'));
}

function passesTest(account: ProcessAccount | null, test: '-r' | '-w', path: string): boolean {
  const command = ['-c', 'test "$0" "$1" && test -x "$1"', test, path];
  return spawnSync('/bin/sh', command, { cwd: '/', stdio: 'ignore', ...account }).status === 0;
}

function placeData(dataDirectory: string, account: ProcessAccount | null, log: (line: string) => void): string {
  const link = linkTarget(dataDirectory);
  if (link !== null && !existsSync(link)) {
    log(`PostgreSQL: ${link} is gone (cleaned up by the system?), starting with an empty database`);
    rmSync(dataDirectory);
  }
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const folder = realpathSync(dataDirectory);
  if (account === null) return folder;
  if (!existsSync(join(folder, CLUSTER))) chownSync(folder, account.uid, account.gid);
  if (passesTest(account, '-w', folder)) return folder;
  return moveOutside(dataDirectory, account, log);
}

function moveOutside(dataDirectory: string, account: ProcessAccount, log: (line: string) => void): string {
  const target = join(openFolder(dataDirectory), 'data');
  log(`PostgreSQL: its user cannot reach ${dataDirectory}, the data is kept in ${target}`);
  // Data without a link to it belongs to a data folder that was removed.
  rmSync(target, { recursive: true, force: true });
  if (existsSync(join(dataDirectory, CLUSTER))) execFileSync('cp', ['-Rp', dataDirectory, target]);
  else mkdirSync(target, { mode: 0o700 });
  chownSync(target, account.uid, account.gid);
  rmSync(dataDirectory, { recursive: true });
  symlinkSync(target, dataDirectory);
  return target;
}

function openFolderPath(dataDirectory: string): string {
  const place = createHash('sha256').update(resolve(dataDirectory)).digest('hex').slice(0, 16);
  return join(OPEN_FOLDER, `order-saga-${place}`);
}

/** The name can be guessed and the parent is open to all users, so a folder that another user made is not used. */
function openFolder(dataDirectory: string): string {
  const folder = openFolderPath(dataDirectory);
  mkdirSync(folder, { recursive: true });
  if (!isOurs(folder)) throw new PostgresUnavailableError(`${folder} belongs to another user`);
  chmodSync(folder, 0o755);
  return folder;
}

function isOurs(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  const expected = folder.startsWith(join(OPEN_FOLDER, 'order-saga-'));
  return stat !== undefined && expected && stat.isDirectory() && stat.uid === process.getuid?.();
}

function linkTarget(path: string): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true ? readlinkSync(path) : null;
}
