import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startListening } from './listening.ts';

const ANYWHERE = { port: 0, host: '127.0.0.1' };
const CLIENTS = 64;

/** Connects clients from another thread, and wakes this one when the kernel has all of them. */
const CONNECTING = `
const { connect } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
let connected = 0;
for (let client = 0; client < ${CLIENTS}; client += 1) {
  connect(workerData.port, '127.0.0.1', () => {
    connected += 1;
    if (connected === ${CLIENTS}) Atomics.notify(workerData.all, 0, Atomics.store(workerData.all, 0, 1));
  }).on('error', () => {});
}`;

it('A turn of the event loop takes many new connections', async () => {
  const sockets: Socket[] = [];
  const accepted = (): number => sockets.length;
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}).destroy());
  });
  const { port, stop } = await startListening(server, ANYWHERE);
  const all = new Int32Array(new SharedArrayBuffer(4));
  const clients = new Worker(CONNECTING, { eval: true, workerData: { port, all } });
  await once(clients, 'online');
  // This thread takes no connection before the kernel has all of them.
  Atomics.wait(all, 0, 0, 10_000);
  let turns = 0;
  for (; accepted() < CLIENTS && turns < 1_000; turns += 1) await nextTurn();
  await clients.terminate();
  await stop();
  expect(accepted()).toBe(CLIENTS);
  expect(turns).toBeLessThan(CLIENTS / 2);
});

it('A port that is taken is refused, by whomever it was taken', async () => {
  const first = await startListening(createServer(), ANYWHERE);
  onTestFinished(first.stop);
  const taken = { ...ANYWHERE, port: first.port };
  await expect(startListening(createServer(), taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });

  const stranger = createServer().listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  onTestFinished(() => void stranger.close());
  const { port } = stranger.address() as { port: number };
  await expect(startListening(createServer(), { ...ANYWHERE, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('A connection that cannot be accepted ends nothing', async () => {
  const server = createServer();
  const { stop } = await startListening(server, ANYWHERE);
  expect(server.emit('error', new Error('accept EMFILE'))).toBe(true);
  await stop();
});

it('A server has stopped when the connections of all its sockets have ended, and its port is free again', async () => {
  const waiting: (() => void)[] = [];
  const server = createHttpServer((_, response) => waiting.push(() => response.end('here')));
  const { port, stop } = await startListening(server, ANYWHERE);
  const clients = Array.from({ length: CLIENTS }, () => connect(port, '127.0.0.1'));
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await vi.waitFor(() => expect(waiting).toHaveLength(CLIENTS));
  let isStopped = false;
  const stopped = stop().then(() => (isStopped = true));
  for (const answer of waiting.slice(1)) answer();
  await sleep(100);
  expect(isStopped).toBe(false);
  waiting[0]?.();
  await stopped;
  await (await startListening(createServer(), { ...ANYWHERE, port })).stop();
});
