import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { survivesShell } from './postgres-binaries.ts';
import { findFreePort } from '../processes/ports.ts';
import { removePostgresHome } from './postgres-home.ts';

const asRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'order-saga-postgres-'));
/** All tests use one cluster, because making one takes a second. */
const data = join(folder, 'data');
const servers: EmbeddedPostgres[] = [];

beforeAll(() => {
  // PostgreSQL's own user must be able to pass through the folder.
  chmodSync(folder, 0o711);
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

afterAll(() => {
  removePostgresHome(data);
  rmSync(folder, { recursive: true });
});

async function start(dataDirectory: string, port: number): Promise<EmbeddedPostgres> {
  const settings = { fsync: 'off' };
  const server = await startEmbeddedPostgres({ dataDirectory, port, settings, databases: ['shop'], log: () => {} });
  servers.push(server);
  return server;
}

/** The first byte of the answer to a startup message: `R` asks for a password, `E` is an error. */
function greet(port: number, database: string): Promise<string> {
  const words = Buffer.from(`user\0postgres\0database\0${database}\0\0`);
  const header = Buffer.alloc(8);
  header.writeInt32BE(words.length + 8, 0);
  header.writeInt32BE(196_608, 4);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat([header, words])));
    socket.once('data', (data) => {
      resolve(data.toString('latin1', 0, 1));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

it('Embedded PostgreSQL accepts connections with a password when it has started, and none when it has stopped', async () => {
  const server = await start(data, await findFreePort());
  expect(await greet(server.port, 'shop')).toBe('R');
  expect(server.url('shop')).toMatch(new RegExp(`^postgres://postgres:[\\w-]{32}@127.0.0.1:${server.port}/shop$`));
  expect(statSync(join(data, 'password')).mode & 0o777).toBe(0o600);
  await server.stop();
  await expect(greet(server.port, 'shop')).rejects.toThrow('ECONNREFUSED');
});

it('A second start finds the same data and password', async () => {
  const first = await start(data, await findFreePort());
  await first.stop();
  const second = await start(data, first.port);
  expect(second.url('shop')).toBe(first.url('shop'));
  expect(second.pid).not.toBe(first.pid);
});

it('Embedded PostgreSQL starts again after kill -9', async () => {
  const first = await start(data, await findFreePort());
  process.kill(first.pid, 'SIGKILL');
  await first.process.exited;
  const second = await start(data, first.port);
  expect(await greet(second.port, 'shop')).toBe('R');
});

it('A server that still runs is used again on its port, and moved to another one', async () => {
  const first = await start(data, await findFreePort());
  const same = await start(data, first.port);
  expect(same.pid).toBe(first.pid);
  const moved = await start(data, await findFreePort());
  expect(first.process.isRunning()).toBe(false);
  expect(await greet(moved.port, 'shop')).toBe('R');
});

it('A lock whose pid belongs to another process now does not prevent the start', async () => {
  const first = await start(data, await findFreePort());
  const lockPath = join(realpathSync(data), 'cluster', 'postmaster.pid');
  const lock = readFileSync(lockPath, 'utf8');
  process.kill(first.pid, 'SIGKILL');
  await first.process.exited;
  // The parent of the test: a living process that is not PostgreSQL.
  writeFileSync(lockPath, lock.replace(String(first.pid), String(process.ppid)));
  const second = await start(data, first.port);
  expect(await greet(second.port, 'shop')).toBe('R');
});

it('A taken port is an error that names the variable', async () => {
  const port = await findFreePort();
  const stranger = createServer().listen(port, '127.0.0.1');
  await expect(start(data, port)).rejects.toThrow(
    `${port} (PostgreSQL): already in use, choose another port with POSTGRES_PORT`,
  );
  stranger.close();
});

it('The programs in a folder that the shell of initdb would misread are copied elsewhere', () => {
  expect(['/C# & co (50%)!', "/it's here", '/ünï ★'].filter((path) => !survivesShell(path))).toEqual([]);
  expect(['/a "b"', '/$HOME', '/`x`', '/a\\b'].filter(survivesShell)).toEqual([]);
});

it.runIf(asRoot)(
  'The data of root below a folder closed to other users is kept elsewhere and found again',
  async () => {
    const closed = join(folder, 'closed', 'data');
    mkdirSync(join(folder, 'closed'), { mode: 0o700 });
    const first = await start(closed, await findFreePort());
    const place = realpathSync(closed);
    expect(place).toMatch(/^\/var\/tmp\/order-saga-[0-9a-f]{16}\/data$/);
    await first.stop();
    const second = await start(closed, first.port);
    expect(second.url('shop')).toBe(first.url('shop'));
    await second.destroy();
    expect(existsSync(place)).toBe(false);
    expect(lstatSync(closed, { throwIfNoEntry: false })).toBeUndefined();
  },
);
