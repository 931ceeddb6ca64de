import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { keepLoopbackDirect } from './loopback.ts';

it('A process reaches this machine directly, whatever proxy is set', async () => {
  const server = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const program = (direct: string): string =>
    `import { keepLoopbackDirect } from ${JSON.stringify(join(import.meta.dirname, 'loopback.ts'))};
    ${direct}
    console.log(await fetch('${url}').then((answer) => answer.text(), () => 'not reached'));`;
  const env = { NODE_USE_ENV_PROXY: '1', http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' };
  const run = async (direct: string): Promise<string> => {
    const args = ['--input-type=module', '--eval', program(direct)];
    return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
  };
  expect([await run(''), await run('keepLoopbackDirect(process.env);')]).toEqual(['not reached', 'here']);
  server.close();
});

it('Hosts that were named already stay named, once', () => {
  const env: Record<string, string | undefined> = { no_proxy: 'a.example.com', NO_PROXY: 'a.example.com' };
  keepLoopbackDirect(env);
  expect(env['NO_PROXY']).toBe('a.example.com,127.0.0.1,localhost,::1,[::1]');
  expect(env['no_grpc_proxy']).toBe(env['NO_PROXY']);
});
