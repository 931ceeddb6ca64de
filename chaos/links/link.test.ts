import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { createRandom } from '../random.ts';
import { openLink, type Link } from './link.ts';
import { PASS, type LinkMode } from './link-mode.ts';

/** Far longer than a byte takes on this machine: what has not arrived by then is held back. */
const HELD_MS = 150;

/** A server that answers each line with `done LINE` and remembers what has arrived. */
async function startLine() {
  const port = await findFreePort();
  const arrived: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      arrived.push(String(bytes));
      socket.write(`done ${String(bytes)}`);
    });
  }).listen(port, LOOPBACK);
  await once(server, 'listening');
  const link = await openLink({ name: 'client>server', serverPort: () => port }, createRandom(1));
  onTestFinished(async () => {
    await link.close();
    server.close();
  });
  return { link, arrived };
}

interface Dialled {
  readonly socket: Socket;
  /** All that was read. */
  read(): string;
  /** The system's code when the connection broke, `closed` when it ended in order, null while it is open. */
  end(): string | null;
}

async function dial(link: Link): Promise<Dialled> {
  const socket = connect(link.port, LOOPBACK);
  onTestFinished(() => void socket.destroy());
  let [text, ended]: [string, string | null] = ['', null];
  socket.on('data', (bytes) => {
    text += String(bytes);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code ?? 'error';
  });
  socket.on('close', () => {
    ended ??= 'closed';
  });
  await once(socket, 'connect');
  return { socket, read: () => text, end: () => ended };
}

it('A link that doubles requests sends those with an effect twice, and answers once', async () => {
  const { link, arrived } = await startLine();
  await link.set({ kind: 'duplicate', share: 1 });
  const client = await dial(link);
  client.socket.write('POST /v1/payments');
  await expect.poll(() => arrived).toEqual(['POST /v1/payments', 'POST /v1/payments']);
  client.socket.write('GET /v1/payments');
  await expect.poll(() => client.read()).toBe('done POST /v1/paymentsdone GET /v1/payments');
  expect(arrived).toHaveLength(3);
});

it('A link that passes carries requests and answers', async () => {
  const { link } = await startLine();
  const client = await dial(link);
  client.socket.write('one');
  await expect.poll(client.read).toBe('done one');
  expect(client.end()).toBeNull();
});

it.each<readonly [string, LinkMode, readonly string[], string]>([
  ['before the effect, the server has not seen the request', { kind: 'reset-before', share: 1 }, [], ''],
  ['after the effect, the server has done it', { kind: 'reset-after', share: 1 }, ['pay'], ''],
  ['within the answer, a part of it has come', { kind: 'truncate', share: 1, bytes: 4 }, ['pay'], 'done'],
])('When a connection is reset %s', async (_, mode, ...[seen, read]) => {
  const { link, arrived } = await startLine();
  await link.set(mode);
  const client = await dial(link);
  client.socket.write('pay');
  await expect.poll(client.end).toBe('ECONNRESET');
  expect(arrived).toEqual(seen);
  expect(client.read()).toBe(read);
});

it('A reset that waits for a word leaves other answers alone', async () => {
  const { link } = await startLine();
  await link.set({ kind: 'reset-after', share: 1, match: 'COMMIT' });
  const client = await dial(link);
  client.socket.write('SELECT');
  await expect.poll(client.read).toBe('done SELECT');
  client.socket.write('COMMIT');
  await expect.poll(client.end).toBe('ECONNRESET');
});

it.each<readonly [string, LinkMode, readonly string[]]>([
  ['a blackhole', { kind: 'blackhole' }, []],
  ['a cut towards the client', { kind: 'one-way', towards: 'client' }, ['late']],
  ['a cut towards the server', { kind: 'one-way', towards: 'server' }, []],
])('Bytes that were held back by %s arrive after the heal', async (_, mode, seen) => {
  const { link, arrived } = await startLine();
  const client = await dial(link);
  await link.set(mode);
  client.socket.write('late');
  await sleep(HELD_MS);
  expect(arrived).toEqual(seen);
  expect(client.read()).toBe('');
  await link.set(PASS);
  await expect.poll(client.read).toBe('done late');
});

it('The client of a half-open connection learns only after the heal that the server has lost it', async () => {
  const { link, arrived } = await startLine();
  const client = await dial(link);
  client.socket.write('first');
  await expect.poll(client.read).toBe('done first');
  await link.set({ kind: 'half-open' });
  client.socket.write('second');
  await sleep(HELD_MS);
  expect(arrived).toEqual(['first']);
  expect(client.end()).toBeNull();
  await link.set(PASS);
  await expect.poll(client.end).toBe('ECONNRESET');
});

it('A refused link resets its connections and takes no new ones until it is healed', async () => {
  const { link } = await startLine();
  const client = await dial(link);
  await expect.poll(() => link.connections()).toBe(1);
  await link.set({ kind: 'refuse' });
  await expect.poll(client.end).toBe('ECONNRESET');
  await expect(dial(link)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await link.set(PASS);
  const again = await dial(link);
  again.socket.write('one');
  await expect.poll(again.read).toBe('done one');
});

it('A slow link keeps the order of the bytes and delays each of them', async () => {
  const { link } = await startLine();
  await link.set({ kind: 'slow', latencyMs: 100 });
  const client = await dial(link);
  const startedAt = performance.now();
  client.socket.write('one');
  await expect.poll(client.read).toBe('done one');
  expect(performance.now() - startedAt).toBeGreaterThan(190);
});
