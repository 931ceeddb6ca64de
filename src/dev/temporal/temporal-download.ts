import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createProgress, type Progress, type Terminal } from '../processes/progress.ts';

/** The release that is downloaded, and that `go install` builds: later ones contain a `replace` directive. */
export const CLI_VERSION = '1.5.1';

const RELEASE_URL = `https://github.com/temporalio/cli/releases/download/v${CLI_VERSION}`;

/** SHA-256 of the release's archives, as two public package lists have them; Linux on arm64 stands in one of them only. */
const CHECKSUMS: Readonly<Record<string, string>> = {
  [archiveName('darwin', 'amd64')]: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
  [archiveName('darwin', 'arm64')]: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
  [archiveName('linux', 'amd64')]: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  [archiveName('linux', 'arm64')]: 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
};

/** Time to the first byte; without internet nobody should wait. */
const CONNECT_TIMEOUT_MS = 5_000;

/** A download that makes no progress for this long is given up. */
const STALL_TIMEOUT_MS = 30_000;

/** Where to put the download and how to show it. */
export interface TemporalDownloadOptions {
  /** The CLI becomes `temporal-cli-1.5.1/temporal` in this folder. */
  readonly cacheFolder: string;
  readonly log: (line: string) => void;
  readonly terminal: Terminal;
  readonly signal?: AbortSignal | undefined;
  /** Default: the official release's archive for this machine, with its known checksum. */
  readonly archive?: TemporalArchive | undefined;
}

/** A file to download, and what it must be. */
export interface TemporalArchive {
  readonly url: string;
  /** SHA-256 in hexadecimal. */
  readonly checksum: string;
}

/**
 * Downloads the official CLI into the cache and returns its path. It gives up after 5 s without an answer. Nothing of
 * the archive is unpacked or run before its checksum is that of the release.
 * @throws {Error} when there is no such archive for this machine, no answer, or another content.
 */
export async function downloadTemporalCli(options: TemporalDownloadOptions): Promise<string> {
  await mkdir(options.cacheFolder, { recursive: true });
  const aside = await mkdtemp(join(options.cacheFolder, '.download-'));
  try {
    const archive = join(aside, 'temporal.tar.gz');
    const { url, checksum } = options.archive ?? officialArchive();
    await fetchFile(options, url, archive);
    await assertChecksum(archive, checksum);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', aside, 'temporal']);
    const folder = join(options.cacheFolder, `temporal-cli-${CLI_VERSION}`);
    await mkdir(folder, { recursive: true });
    await rename(join(aside, 'temporal'), join(folder, 'temporal'));
    return join(folder, 'temporal');
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function fetchFile(options: TemporalDownloadOptions, url: string, path: string): Promise<void> {
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
    const response = await fetch(url, { signal: giveUp.signal });
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

function officialArchive(): TemporalArchive {
  const name = archiveName(process.platform, process.arch === 'x64' ? 'amd64' : process.arch);
  const checksum = CHECKSUMS[name];
  if (checksum === undefined) throw new Error(`there is no release for ${process.platform} on ${process.arch}`);
  return { url: `${RELEASE_URL}/${name}`, checksum };
}

function archiveName(platform: string, architecture: string): string {
  return `temporal_cli_${CLI_VERSION}_${platform}_${architecture}.tar.gz`;
}

async function assertChecksum(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const actual = hash.digest('hex');
  if (actual !== expected) throw new Error(`the download is not the release: SHA-256 ${actual}, not ${expected}`);
}
