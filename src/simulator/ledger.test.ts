import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSimulator } from './simulator.ts';
import { createTestClient, eventually, startTestSimulator } from './test-client.ts';

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const disposals: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose();
});

async function start(): Promise<Awaited<ReturnType<typeof startTestSimulator>>> {
  const started = await startTestSimulator();
  disposals.push(() => started.dispose());
  return started;
}

function run(env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [SERVER], {
    env: { SIMULATOR_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  disposals.unshift(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  });
  return child;
}

async function firstLine(stream: ChildProcess['stdout']): Promise<string> {
  if (!stream) throw new Error('no stream');
  for await (const line of createInterface({ input: stream })) return line;
  return '';
}

function urlIn(line: string): string {
  const [url = ''] = /http:\/\/[^,\s]+/.exec(line) ?? [];
  return url;
}

/** The methods all file handles share: the only place where a test can hold back or break an fsync. */
async function fileHandleMethods(file: string): Promise<FileHandle> {
  const handle = await open(file, 'a');
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('the fsync', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('The fsync comes before every answer that tells of the effect, and is shared by those who wait for it', async () => {
    const { client, ledgerFile } = await start();
    const methods = await fileHandleMethods(ledgerFile);
    const disk = Promise.withResolvers<void>();
    const datasync = vi.spyOn(methods, 'datasync').mockImplementation(() => disk.promise);
    const answered: string[] = [];
    const told = (name: string, heard: Promise<unknown>): Promise<unknown> => heard.finally(() => answered.push(name));
    const waiting = [told('first', client.charge('a'))];
    await vi.waitFor(() => expect(datasync).toHaveBeenCalledTimes(1));
    waiting.push(told('repeat', client.charge('a')), told('lookup', client.lookup('a')));
    waiting.push(told('ledger', client.ledger()));
    for (let index = 0; index < 10; index++) waiting.push(told('other', client.charge(`b${index}`)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toEqual([]);
    disk.resolve();
    await Promise.all(waiting);
    // The ten others share one, or a few where a busy machine brings them in late.
    expect(datasync.mock.calls.length).toBeLessThan(waiting.length - 4);
  });

  it('A fsync that fails ends all answers, because nobody knows what is in the file', async () => {
    const { client, simulator, ledgerFile, dispose } = await startTestSimulator({ warn: () => undefined });
    disposals.push(() => dispose().catch(() => undefined));
    const methods = await fileHandleMethods(ledgerFile);
    vi.spyOn(methods, 'datasync').mockRejectedValueOnce(new Error('ENOSPC'));
    const failed = { status: 500, body: { code: 'internal_error' } };
    expect(await client.charge('a')).toMatchObject(failed);
    expect(await client.charge('a')).toMatchObject(failed);
    expect(await client.charge('b')).toMatchObject(failed);
    expect(await client.lookup('a')).toMatchObject(failed);
    await expect(simulator.close()).rejects.toThrow('cannot be written');
  });
});

it('The ledger lists each effect once, in order, with the same bytes after later effects', async () => {
  const { client } = await start();
  await client.charge('a', { kind: 'authorize' });
  await client.act('captures', 'a', { key: 'b', amountMinor: 600 });
  const before = await client.ledger();
  await client.act('refunds', 'a', { key: 'c', amountMinor: 100 });
  await client.charge('d', { orderId: 'ord_other', method: 'pm_declined' });
  await client.act('void', 'e', { key: 'f' });
  const after = await client.ledger();
  expect(after.slice(0, 2)).toEqual(before);
  expect(after).toMatchObject([
    { key: 'a', kind: 'authorize', amountMinor: 1_000, state: 'SUCCEEDED' },
    { key: 'b', kind: 'capture', amountMinor: 600 },
    { key: 'c', kind: 'refund', amountMinor: 100 },
    { key: 'd', kind: 'sale', amountMinor: 1_000, state: 'DECLINED' },
    { key: 'f', kind: 'void', amountMinor: 0, currency: 'EUR' },
  ]);
  expect(Object.keys(Object(after[0]))).toEqual(['orderId', 'key', 'kind', 'amountMinor', 'currency', 'state', 'at']);
  expect(await client.ledger('ord_other')).toMatchObject([{ key: 'd' }]);
});

it('The ledger is the same after a restart, with answers, balances and tombstones', async () => {
  const { client, simulator, ledgerFile } = await start();
  const charged = await client.charge('a', { kind: 'authorize' });
  await client.act('captures', 'a', { key: 'b', amountMinor: 600 });
  await client.act('void', 'gone', { key: 'c' });
  const entries = await client.ledger();
  await simulator.close();

  const again = await createSimulator({ ledgerFile });
  disposals.unshift(() => again.close());
  const other = createTestClient(again.url);
  expect(await other.ledger()).toEqual(entries);
  expect(await other.charge('a', { kind: 'authorize' })).toEqual(charged);
  expect(await other.charge('gone')).toMatchObject({ status: 410 });
  expect(await other.act('captures', 'a', { key: 'd', amountMinor: 401 })).toMatchObject({ status: 422 });
  expect(await other.lookup('a')).toMatchObject({ body: { capturedMinor: 600 } });
});

it.each(['{"id":"pay_torn","key":"to', '{"id":"pay_torn"\n', '\0\0\0\0'])(
  'The ledger drops the torn last line %j with a warning and goes on behind it',
  async (torn) => {
    const { client, simulator, ledgerFile } = await start();
    await client.charge('a');
    await simulator.close();
    await appendFile(ledgerFile, torn);

    const warnings: string[] = [];
    const again = await createSimulator({ ledgerFile, warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining('torn last line')]);
    expect(await readFile(ledgerFile, 'utf8')).toContain(torn);
    await createTestClient(again.url).charge('b');
    await again.close();

    const third = await createSimulator({ ledgerFile, warn: (message) => warnings.push(message) });
    disposals.unshift(() => third.close());
    expect(await createTestClient(third.url).ledger()).toMatchObject([{ key: 'a' }, { key: 'b' }]);
    expect(warnings).toHaveLength(1);
  },
);

it('The ledger refuses to start on a file that is corrupt before its last line', async () => {
  const { client, simulator, ledgerFile } = await start();
  await client.charge('a');
  await simulator.close();
  await writeFile(ledgerFile, `nonsense\n${await readFile(ledgerFile, 'utf8')}`);
  await expect(createSimulator({ ledgerFile })).rejects.toThrow('corrupt in line 1');
});

it('The ledger closes at once although a request waits, and answers that request 503', async () => {
  const { client, simulator } = await start();
  await client.faults({ latencyMs: 60_000 });
  const waiting = client.charge('a');
  await eventually(async () => (await client.lookup('a')).status === 409);
  await simulator.close();
  expect(await waiting).toMatchObject({ status: 503 });
});

it('The process of the simulator keeps every answered charge through kill -9', async () => {
  const { ledgerFile, simulator } = await start();
  await simulator.close();
  const child = run({ SIMULATOR_LEDGER_FILE: ledgerFile });
  const client = createTestClient(urlIn(await firstLine(child.stdout)));
  const answered = new Set<string>();
  const load = Array.from({ length: 200 }, async (_, index) => {
    const heard = await client.charge(`k${index}`);
    if (heard.status === 201) answered.add(`k${index}`);
    if (answered.size === 60) child.kill('SIGKILL');
  });
  await Promise.all([...load, once(child, 'exit')]);
  expect(answered.size).toBeGreaterThanOrEqual(60);

  const again = await createSimulator({ ledgerFile, warn: () => undefined });
  disposals.unshift(() => again.close());
  const entries = await createTestClient(again.url).ledger();
  const written = new Set(entries.map((entry) => Object(entry).key));
  expect([...answered].filter((key) => !written.has(key))).toEqual([]);
  expect(written.size).toBe(entries.length);
});

it('The process of the simulator ends with code 0 on SIGTERM', async () => {
  const { ledgerFile } = await start();
  const child = run({ SIMULATOR_LEDGER_FILE: `${ledgerFile}.other` });
  await firstLine(child.stdout);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

it('The process of the simulator names the port and its variable when the port is taken, and ends with code 1', async () => {
  const { simulator, ledgerFile } = await start();
  const child = run({ SIMULATOR_PORT: String(simulator.port), SIMULATOR_LEDGER_FILE: `${ledgerFile}.other` });
  const exit = once(child, 'exit');
  const line = await firstLine(child.stderr);
  expect(line).toContain(String(simulator.port));
  expect(line).toContain('SIMULATOR_PORT');
  expect(await exit).toEqual([1, null]);
});
