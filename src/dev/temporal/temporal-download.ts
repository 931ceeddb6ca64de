import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createProgress, type Progress, type Terminal } from '../processes/progress.ts';

const ARCHIVE_URL = 'https://temporal.download/cli/archive/latest';

/** Time to the first byte; without internet nobody should wait. */
const CONNECT_TIMEOUT_MS = 5_000;

/** A download that makes no progress for this long is given up. */
const STALL_TIMEOUT_MS = 30_000;

/** `temporal version 1.8.2 (Server 1.31.2, UI 2.53.3)`. */
const VERSION_LINE = /version v?(\d+\.\d+\.\d+)/;

/** Where to put the download and how to show it. */
export interface TemporalDownloadOptions {
  /** The CLI becomes `temporal-cli-VERSION/temporal` in this folder. */
  readonly cacheFolder: string;
  readonly log: (line: string) => void;
  readonly terminal: Terminal;
  readonly signal?: AbortSignal | undefined;
  /** Default: the official address. */
  readonly archiveUrl?: string | undefined;
}

/** Downloads the newest official CLI into the cache and returns its path. It gives up after 5 s without an answer. */
export async function downloadTemporalCli(options: TemporalDownloadOptions): Promise<string> {
  await mkdir(options.cacheFolder, { recursive: true });
  const aside = await mkdtemp(join(options.cacheFolder, '.download-'));
  try {
    const archive = join(aside, 'temporal.tar.gz');
    await fetchFile(options, archive);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', aside]);
    await rm(archive);
    const { stdout } = await promisify(execFile)(join(aside, 'temporal'), ['--version']);
    const version = VERSION_LINE.exec(stdout)?.[1];
    if (version === undefined) throw new Error(`unexpected version: ${stdout.trim()}`);
    const folder = join(options.cacheFolder, `temporal-cli-${version}`);
    await mkdir(folder, { recursive: true });
    await rename(join(aside, 'temporal'), join(folder, 'temporal'));
    return join(folder, 'temporal');
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function fetchFile(options: TemporalDownloadOptions, path: string): Promise<void> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => {
    giveUp.abort(new Error('no answer'));
  }, CONNECT_TIMEOUT_MS);
  const stop = (): void => {
    giveUp.abort(options.signal?.reason);
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  const progress = createProgress({ ...options, title: 'downloading the Temporal CLI' });
  try {
    const response = await fetch(archiveUrl(options), { signal: giveUp.signal });
    if (!response.ok || response.body === null) throw new Error(`answer ${response.status}`);
    const body: AsyncIterable<Uint8Array> = response.body;
    await pipeline(watched(body, timer, progress), createWriteStream(path), { signal: giveUp.signal });
  } finally {
    progress.end();
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

/** Every chunk restarts the stall clock. */
async function* watched(body: AsyncIterable<Uint8Array>, connect: NodeJS.Timeout, progress: Progress) {
  clearTimeout(connect);
  let bytes = 0;
  const iterator = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await withinStallTimeout(iterator.next());
    if (next.done === true) return;
    bytes += next.value.length;
    progress.update(`${(bytes / 1e6).toFixed(0)} MB`);
    yield next.value;
  }
}

async function withinStallTimeout<Value>(work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`nothing arrived for ${STALL_TIMEOUT_MS / 1000} s`));
    }, STALL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, stalled]);
  } finally {
    clearTimeout(timer);
  }
}

function archiveUrl({ archiveUrl = ARCHIVE_URL }: TemporalDownloadOptions): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return `${archiveUrl}?platform=${process.platform}&arch=${architecture}`;
}
