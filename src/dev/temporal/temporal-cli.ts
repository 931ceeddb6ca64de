import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadToolFolders, type ToolFolders } from '../dev-environment.ts';
import { findExecutable, goInstall, isExecutable } from './go-install.ts';
import type { Terminal } from '../processes/progress.ts';
import { CLI_VERSION, downloadTemporalCli, type TemporalArchive } from './temporal-download.ts';

/** The newest server that Go 1.26.8 builds; 1.32.2 wants 1.26.10. */
const SERVER_VERSION = '1.32.1';

/** A program of 250 MB, read from a cold disk. */
const VERSION_TIMEOUT_MS = 20_000;

const CACHED_CLI = /^temporal-cli-\d+\.\d+\.\d+$/;

/** Where to search, and how to show long tasks. */
export interface TemporalCliOptions {
  readonly log: (line: string) => void;
  /** This path is used unchanged when it is given. */
  readonly explicitPath?: string | null;
  /** Default: from `PATH` and `XDG_CACHE_HOME`. */
  readonly folders?: ToolFolders;
  /** Default: stderr. */
  readonly terminal?: Terminal;
  /** Ends a download or build. */
  readonly signal?: AbortSignal;
  /** Default: the official release's archive for this machine. */
  readonly archive?: TemporalArchive;
}

/** There is no Temporal CLI and no way to get one; the message says what to do. */
export class TemporalCliUnavailableError extends Error {
  constructor(tried: readonly string[]) {
    super(
      `there is no Temporal CLI (${tried.join('; ')}). Do one of these and start again:
  1. install it, so that \`temporal\` is on the PATH: https://docs.temporal.io/cli
  2. install Go 1.25 or newer: https://go.dev/dl (the CLI is then built once, in 3-4 minutes)
  3. run a Temporal server elsewhere and set TEMPORAL_ADDRESS to it`,
    );
    this.name = 'TemporalCliUnavailableError';
  }
}

/**
 * Returns the path of a Temporal CLI: the given one, else `temporal` on the PATH, else the cached one, else the
 * official download, else one built with Go; the last two stay in the cache.
 * @throws {TemporalCliUnavailableError} when none of these is available.
 */
export async function findOrBuildTemporalCli(options: TemporalCliOptions): Promise<string> {
  const { log, explicitPath = null, folders = loadToolFolders(process.env) } = options;
  if (explicitPath !== null) {
    if (await works(explicitPath)) return explicitPath;
    throw new TemporalCliUnavailableError([`${explicitPath} cannot be run`]);
  }
  const onPath = findExecutable('temporal', folders.searchPath);
  if (onPath !== null && (await works(onPath))) return onPath;
  if (onPath !== null) log(`Temporal CLI: ${onPath} cannot be run, looking further`);
  return cachedCli(folders.cacheFolder) ?? download(options, folders);
}

function serverPrograms({ cacheFolder }: ToolFolders): { server: string; sql: string } {
  const folder = join(cacheFolder, `temporal-server-${SERVER_VERSION}`);
  return { server: join(folder, 'server'), sql: join(folder, 'sql') };
}

/** Whether `buildTemporalServer` has the server or the means to build it. */
export function canBuildTemporalServer(folders: ToolFolders = loadToolFolders(process.env)): boolean {
  return isExecutable(serverPrograms(folders).server) || findExecutable('go', folders.goSearchPath) !== null;
}

/**
 * Returns the paths of a production-like Temporal server and its schema tool, for benchmarks. They are built with Go
 * once (4 minutes) and stay in the cache.
 */
export async function buildTemporalServer(options: TemporalCliOptions): Promise<{ server: string; sql: string }> {
  const { folders = loadToolFolders(process.env), terminal = process.stderr } = options;
  const programs = serverPrograms(folders);
  if (isExecutable(programs.server) && isExecutable(programs.sql)) return programs;
  const go = findExecutable('go', folders.goSearchPath);
  if (go === null) throw new Error('building the Temporal server needs Go 1.26.8 or newer: https://go.dev/dl');
  options.log(`Temporal server ${SERVER_VERSION}: building it once, this takes 4 minutes on 2 cores`);
  const module = 'go.temporal.io/server/cmd';
  const packages = [`${module}/server@v${SERVER_VERSION}`, `${module}/tools/sql@v${SERVER_VERSION}`];
  const into = dirname(programs.server);
  await goInstall({ ...options, terminal, go, title: 'building the Temporal server', packages, into });
  return programs;
}

async function download(options: TemporalCliOptions, folders: ToolFolders): Promise<string> {
  const { log, terminal = process.stderr } = options;
  try {
    log('Temporal CLI: none found, trying the official download');
    return await downloadTemporalCli({ ...options, terminal, cacheFolder: folders.cacheFolder });
  } catch (error) {
    options.signal?.throwIfAborted();
    const reason = describe(error);
    log(`Temporal CLI: no download (${reason})`);
    return buildCli(options, folders, `download: ${reason}`);
  }
}

async function buildCli(options: TemporalCliOptions, folders: ToolFolders, tried: string): Promise<string> {
  const { log, terminal = process.stderr } = options;
  const go = findExecutable('go', folders.goSearchPath);
  if (go === null) throw new TemporalCliUnavailableError([tried, 'Go is not installed']);
  log(`Temporal CLI: building version ${CLI_VERSION} with Go, once; this takes 3-4 minutes on 2 cores`);
  const into = join(folders.cacheFolder, `temporal-cli-${CLI_VERSION}`);
  const packages = [`github.com/temporalio/cli/cmd/temporal@v${CLI_VERSION}`];
  try {
    await goInstall({ ...options, terminal, go, title: 'building the Temporal CLI', packages, into });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new TemporalCliUnavailableError([tried, describe(error)]);
  }
  return join(into, 'temporal');
}

/** The newest CLI in the cache. It is always complete, so it need not be tried. */
function cachedCli(cacheFolder: string): string | null {
  try {
    const folders = readdirSync(cacheFolder).filter((name) => CACHED_CLI.test(name));
    const newestFirst = folders.toSorted((one, other) => other.localeCompare(one, 'en', { numeric: true }));
    return newestFirst.map((name) => join(cacheFolder, name, 'temporal')).find(isExecutable) ?? null;
  } catch {
    return null;
  }
}

async function works(path: string): Promise<boolean> {
  try {
    await promisify(execFile)(path, ['--version'], { timeout: VERSION_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}

/** `fetch` has the reason (no such host, refused) in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
