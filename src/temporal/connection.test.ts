import { createServer, type Http2Server } from 'node:http2';
import { globSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { openTemporalConnection } from './connection.ts';

let server: Http2Server;
afterEach(() => {
  server.close();
});

/** A server that answers every call as unavailable, so that the client tries again. */
async function startUnavailable(): Promise<{ readonly address: string; readonly answers: { count: number } }> {
  const answers = { count: 0 };
  server = createServer((_request, response) => {
    answers.count += 1;
    response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '14', 'grpc-message': 'not now' });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, answers };
}

it('A connection to Temporal that is closed rejects a call that waits for its next try, and throws out of no timer', async () => {
  const { address, answers } = await startUnavailable();
  const connection = openTemporalConnection({ address });
  const ended = connection.workflowService.getSystemInfo({}).catch((error: unknown) => error);
  await expect.poll(() => answers.count, { interval: 5 }).toBeGreaterThan(0);
  // The answer has been read by now; its retry follows after 136 ms at the earliest, by the clock of a busy machine.
  await sleep(40);
  const tries = answers.count;
  await connection.close();
  expect(await ended).toMatchObject({ code: 1, details: 'the connection to Temporal was closed' });
  expect(answers.count).toBe(tries);
});

it('A connection to Temporal that is closed rejects a call that is made afterwards', async () => {
  const { address, answers } = await startUnavailable();
  const connection = openTemporalConnection({ address });
  await connection.close();
  await expect(connection.workflowService.getSystemInfo({})).rejects.toMatchObject({ code: 1 });
  expect(answers.count).toBe(0);
});

it('A connection to Temporal that is closed ends a call that the server has not answered', async () => {
  server = createServer(() => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = openTemporalConnection({ address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
  const called = once(server, 'request');
  const ended = connection.workflowService.getSystemInfo({}).catch((error: unknown) => error);
  await called;
  await connection.close();
  expect(await ended).toMatchObject({ code: 1, details: 'the connection to Temporal was closed' });
});

it('A program of the product opens no connection that its owner could not close', () => {
  const folder = join(import.meta.dirname, '..');
  const openers = globSync('**/*.ts', { cwd: folder }).filter(
    (file) =>
      !file.endsWith('.test.ts') && /\bConnection\.(lazy|connect)\(/.test(readFileSync(join(folder, file), 'utf8')),
  );
  expect(openers).toEqual(['temporal/connection.ts']);
});
