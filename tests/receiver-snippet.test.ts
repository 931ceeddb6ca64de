import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startProcess, type ManagedProcess } from '../src/dev/processes/processes.ts';
import { findFreePort } from '../src/dev/processes/ports.ts';
import { readSnippets } from './support/snippets.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let folder: string;
let url: string;
let port: number;
let server: ManagedProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-saga-receiver-'));
  port = await findFreePort();
  url = `http://127.0.0.1:${port}/hooks`;
  const snippet = readSnippets().find(
    ({ name }) => name === "docs/webhooks.md: import { createServer } from 'node:http';",
  );
  const code = (snippet?.text ?? '')
    .replace('listen(3000)', `listen(${port})`)
    .replace("'standardwebhooks'", JSON.stringify(import.meta.resolve('standardwebhooks')));
  const file = join(folder, 'receiver.mjs');
  await writeFile(file, code);
  server = await startProcess({
    name: 'receiver',
    command: process.execPath,
    args: [file],
    env: { WEBHOOK_SECRET: SECRET },
    logFile: join(folder, 'receiver.log'),
  });
  await vi.waitFor(() => statusOf({}), { timeout: 60_000 });
});
afterAll(async () => {
  await server.stop([{ signal: 'SIGTERM', waitMs: 5_000 }]);
  await rm(folder, { recursive: true, force: true });
});

async function statusOf(init: RequestInit): Promise<number> {
  return (await fetch(url, init)).status;
}

const EVENT = JSON.stringify({
  type: 'order.confirmed',
  timestamp: '2026-11-21T10:00:00.000Z',
  data: { orderId: 'ord_1' },
});

function signed(body: string, at = new Date(), changes: Record<string, string> = {}): RequestInit {
  const id = `msg_${randomUUID()}`;
  const signature = new Webhook(SECRET).sign(id, at, body);
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature, ...changes };
  return { method: 'POST', body, headers };
}

it('The receiver of docs/webhooks.md takes a signed message, once, however often it comes', async () => {
  const message = signed(EVENT);
  expect([await statusOf(message), await statusOf(message)]).toEqual([204, 204]);
  const log = await readFile(server.logFile, 'utf8');
  expect(log.match(/order\.confirmed ord_1/g)).toHaveLength(1);
});

it.each<[string, () => RequestInit, number]>([
  ['no signature', () => ({ method: 'POST', body: EVENT }), 400],
  ['no body', () => ({ method: 'POST' }), 400],
  ['no JSON and no signature', () => ({ method: 'POST', body: '{"type":' }), 400],
  ['a GET', () => ({}), 413],
  ['an old signature', () => signed(EVENT, new Date(Date.now() - 3_600_000)), 400],
  ['the signature of another body', () => ({ ...signed(EVENT), body: '{}' }), 400],
  ['a signed message that is no JSON', () => signed('not JSON'), 400],
  ['a signed message without an order', () => signed('{}'), 500],
  ['a signed message of nothing', () => signed('null'), 500],
  ['a timestamp that is none', () => signed(EVENT, new Date(), { 'webhook-timestamp': 'now' }), 400],
  ['a signature that is none', () => signed(EVENT, new Date(), { 'webhook-signature': 'v1' }), 400],
  ['too long a body', () => ({ method: 'POST', body: 'x'.repeat(1_000_001) }), 413],
])('The receiver of docs/webhooks.md answers %s with a refusal and goes on', async (_, init, status) => {
  expect(await statusOf(init())).toBe(status);
  expect(await statusOf(signed(EVENT))).toBe(204);
});

it('The receiver of docs/webhooks.md survives a client that leaves in the middle of its body, and one that speaks no HTTP', async () => {
  for (const sent of ['POST /hooks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half', '\0\r\n\r\n']) {
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>(
      (resolve) =>
        void socket
          .on('error', () => {})
          .write(sent, () => {
            resolve();
          }),
    );
    socket.destroy();
  }
  expect(await statusOf(signed(EVENT))).toBe(204);
  expect(server.isRunning()).toBe(true);
});
