import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { findFreePort } from '../processes/ports.ts';
import type { TemporalArchive } from './temporal-download.ts';
import { findOrBuildTemporalCli, TemporalCliUnavailableError } from './temporal-cli.ts';

const root = mkdtempSync(join(tmpdir(), 'order-saga-cli-'));
const GOOD_CLI = '#!/bin/sh\necho "temporal version 9.8.7 (Server 1, UI 2)"\n';
const TERMINAL = { write: () => true };

let folder: string;
let binFolder: string;
let cacheFolder: string;
let archive: TemporalArchive;
let answerDownload: () => Buffer | null;
const lines: string[] = [];

const server = createServer((_, response) => {
  const archive = answerDownload();
  if (archive === null) response.writeHead(404).end();
  else response.end(archive);
});

beforeEach(async () => {
  folder = mkdtempSync(join(root, 'case-'));
  binFolder = join(folder, 'bin');
  cacheFolder = join(folder, 'cache');
  mkdirSync(binFolder);
  answerDownload = () => null;
  lines.length = 0;
  const port = await findFreePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  archive = { url: `http://127.0.0.1:${port}/archive`, checksum: 'a'.repeat(64) };
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function log(line: string): void {
  lines.push(line);
}

function find(options: { explicitPath?: string; signal?: AbortSignal } = {}): Promise<string> {
  const folders = { searchPath: [binFolder], goSearchPath: [binFolder], cacheFolder };
  return findOrBuildTemporalCli({ log, folders, archive, terminal: TERMINAL, ...options });
}

function program(path: string, text: string): string {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

function cached(version: string): string {
  mkdirSync(join(cacheFolder, `temporal-cli-${version}`), { recursive: true });
  return program(join(cacheFolder, `temporal-cli-${version}`, 'temporal'), GOOD_CLI);
}

/** Replaces Go: writes a program into GOBIN after printing its lines. */
function fakeGo(
  script = `mkdir "$GOBIN"; printf '%s' '${GOOD_CLI}' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`,
): void {
  program(join(binFolder, 'go'), `#!/bin/sh\necho "go: downloading something" >&2\n${script}\n`);
}

it('A Temporal CLI that is given comes first', async () => {
  const given = program(join(folder, 'my-temporal'), GOOD_CLI);
  program(join(binFolder, 'temporal'), GOOD_CLI);
  expect(await find({ explicitPath: given })).toBe(given);
});

it('A given Temporal CLI that cannot be run is an error', async () => {
  await expect(find({ explicitPath: join(folder, 'nothing') })).rejects.toThrow(TemporalCliUnavailableError);
});

it('The PATH comes before the cache', async () => {
  cached('1.5.1');
  const onPath = program(join(binFolder, 'temporal'), GOOD_CLI);
  expect(await find()).toBe(onPath);
});

it('A Temporal CLI on the PATH that cannot be run is passed over', async () => {
  program(join(binFolder, 'temporal'), '#!/bin/sh\nexit 1\n');
  const inCache = cached('1.5.1');
  expect(await find()).toBe(inCache);
});

it('The newest Temporal CLI in the cache wins, unfinished ones do not count', async () => {
  cached('1.5.1');
  const newest = cached('1.10.0');
  mkdirSync(join(cacheFolder, 'temporal-cli-2.0.0'));
  mkdirSync(join(cacheFolder, '.building-temporal-cli-3.0.0'));
  expect(await find()).toBe(newest);
});

/** What a download answers from now on: an archive with this program in it. Returns its checksum. */
function offerArchive(text: string): string {
  const content = join(folder, 'content');
  mkdirSync(content);
  program(join(content, 'temporal'), text);
  const bytes = execFileSync('tar', ['-czf', '-', '-C', content, 'temporal']);
  answerDownload = () => bytes;
  return createHash('sha256').update(bytes).digest('hex');
}

it('A download is kept in the cache under its version', async () => {
  archive = { ...archive, checksum: offerArchive(GOOD_CLI) };
  expect(await find()).toBe(join(cacheFolder, 'temporal-cli-1.5.1', 'temporal'));
  expect(readdirSync(cacheFolder)).toEqual(['temporal-cli-1.5.1']);
});

it('A download that is not the release is neither unpacked nor run', async () => {
  const trace = join(folder, 'was-run');
  offerArchive(`#!/bin/sh\ntouch '${trace}'\n`);
  await expect(find()).rejects.toThrow('not the release');
  expect(existsSync(trace)).toBe(false);
  expect(readdirSync(cacheFolder)).toEqual([]);
});

it('The Temporal CLI is built with Go without a download, and found in the cache the next time', async () => {
  fakeGo();
  const built = await find();
  expect(built).toBe(join(cacheFolder, 'temporal-cli-1.5.1', 'temporal'));
  expect(lines.join('\n')).toContain('no download (answer 404)');
  rmSync(join(binFolder, 'go'));
  expect(await find()).toBe(built);
});

it('Two builders at once do not disturb each other', async () => {
  fakeGo(`sleep 0.2; mkdir "$GOBIN"; printf '%s' '${GOOD_CLI}' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`);
  const [first, second] = await Promise.all([find(), find()]);
  expect(first).toBe(second);
  expect(execFileSync(first, { encoding: 'utf8' })).toContain('9.8.7');
  expect(readdirSync(cacheFolder)).toEqual(['temporal-cli-1.5.1']);
});

it('An interrupted build leaves nothing behind', async () => {
  fakeGo('mkdir "$GOBIN"; echo half > "$GOBIN/temporal"; exec sleep 60');
  const interrupt = new AbortController();
  const search = find({ signal: interrupt.signal });
  await expect.poll(() => lines.join('\n')).toContain('building version');
  setTimeout(() => {
    interrupt.abort(new Error('interrupted'));
  }, 200);
  await expect(search).rejects.toThrow('interrupted');
  expect(readdirSync(cacheFolder)).toEqual([]);
});

it('A failed build shows the end of its output', async () => {
  fakeGo('echo "no space left on device" >&2; exit 1');
  await expect(find()).rejects.toThrow('no space left on device');
  expect(readdirSync(cacheFolder)).toEqual([]);
});

it('The error says what to do when there is no Temporal CLI at hand', async () => {
  const search = find();
  await expect(search).rejects.toThrow('Go is not installed');
  await expect(search).rejects.toThrow('TEMPORAL_ADDRESS');
});
