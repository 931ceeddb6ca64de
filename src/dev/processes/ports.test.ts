import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { assertPortsFree, findFreePort, portIsFree, PortsCollideError, PortsTakenError } from './ports.ts';

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

describe('ports', () => {
  test.each(['127.0.0.1', '0.0.0.0'])('a port that somebody listens on at %s is not free', async (host) => {
    const port = await occupyPort(host);
    expect(await portIsFree(port)).toBe(false);
  });

  test('asking leaves the port free', async () => {
    const port = await findFreePort();
    expect(await portIsFree(port)).toBe(true);
    expect(await portIsFree(port)).toBe(true);
  });

  test('one error names every taken port with its variable', async () => {
    const [api, postgres, free] = [await occupyPort('127.0.0.1'), await occupyPort('127.0.0.1'), await findFreePort()];
    const check = assertPortsFree([
      { port: api, variable: 'API_PORT', purpose: 'API' },
      { port: free, variable: 'TEMPORAL_PORT', purpose: 'Temporal' },
      { port: postgres, variable: 'POSTGRES_PORT', purpose: 'PostgreSQL' },
    ]);
    await expect(check).rejects.toThrow(PortsTakenError);
    await expect(check).rejects.toThrow(
      `already in use on 127.0.0.1:\n  ${api} (API): choose another with API_PORT\n` +
        `  ${postgres} (PostgreSQL): choose another with POSTGRES_PORT`,
    );
  });

  test('two settings with one port are told apart from a stranger on it', async () => {
    const port = await findFreePort();
    const check = assertPortsFree([
      { port, variable: 'API_PORT', purpose: 'API' },
      { port, variable: 'SIMULATOR_PORT', purpose: 'payment simulator' },
    ]);
    await expect(check).rejects.toThrow(PortsCollideError);
    await expect(check).rejects.toThrow('API_PORT and SIMULATOR_PORT are both');
  });
});
