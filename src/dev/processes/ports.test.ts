import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { assertPortsUsable, findFreePort, portIsFree, PortsCollideError, PortsUnusableError } from './ports.ts';

const servers: ReturnType<typeof createServer>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function occupyPort(host: string): Promise<number> {
  const port = await findFreePort();
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(port, host, resolve);
  });
  return port;
}

it.each(['127.0.0.1', '0.0.0.0'])('A port that somebody listens on at %s is not free', async (host) => {
  const port = await occupyPort(host);
  expect(await portIsFree(port)).toBe(false);
});

it('The check of a port leaves the port free', async () => {
  const port = await findFreePort();
  expect(await portIsFree(port)).toBe(true);
  expect(await portIsFree(port)).toBe(true);
});

it('A port that is handed out lies below the range of outgoing connections, and no other one equals it', async () => {
  const ports: number[] = [];
  for (let count = 0; count < 100; count += 1) ports.push(await findFreePort());
  expect(new Set(ports).size).toBe(100);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

it('One error names every taken port with its variable', async () => {
  const [api, postgres, free] = [await occupyPort('127.0.0.1'), await occupyPort('127.0.0.1'), await findFreePort()];
  const check = assertPortsUsable([
    { port: api, variable: 'API_PORT', purpose: 'API' },
    { port: free, variable: 'TEMPORAL_PORT', purpose: 'Temporal' },
    { port: postgres, variable: 'POSTGRES_PORT', purpose: 'PostgreSQL' },
  ]);
  await expect(check).rejects.toThrow(PortsUnusableError);
  await expect(check).rejects.toThrow(
    `cannot listen on\n  127.0.0.1:${api} (API): already in use, choose another port with API_PORT\n` +
      `  127.0.0.1:${postgres} (PostgreSQL): already in use, choose another port with POSTGRES_PORT`,
  );
});

it('A port is asked for at the address that a server will listen on', async () => {
  const port = await occupyPort('::1');
  const claim = { port, variable: 'API_PORT', purpose: 'API' };
  await expect(assertPortsUsable([claim])).resolves.toBeUndefined();
  await expect(assertPortsUsable([{ ...claim, host: '::1' }])).rejects.toThrow(
    `[::1]:${port} (API): already in use, choose another port with API_PORT`,
  );
});

// The documentation addresses of RFC 5737 belong to nobody; names below .invalid do not exist (RFC 6761).
it.each([
  ['192.0.2.1', 'EADDRNOTAVAIL'],
  ['no-such-host.invalid', /ENOTFOUND|EAI_AGAIN/],
])('The address %s, which is not of this machine, is refused with its variable', async (host, code) => {
  const check = assertPortsUsable([
    { host, hostVariable: 'API_HOST', port: await findFreePort(), variable: 'API_PORT', purpose: 'API' },
  ]);
  await expect(check).rejects.toThrow('choose one with API_HOST');
  await expect(check).rejects.toThrow(code);
});

it('Two settings with one port are told apart from a stranger on it', async () => {
  const port = await findFreePort();
  const check = assertPortsUsable([
    { port, variable: 'API_PORT', purpose: 'API' },
    { port, variable: 'SIMULATOR_PORT', purpose: 'payment simulator' },
  ]);
  await expect(check).rejects.toThrow(PortsCollideError);
  await expect(check).rejects.toThrow('API_PORT and SIMULATOR_PORT are both');
});
