import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { type DevEnvironment, loadDevEnvironment } from '../dev-environment.ts';
import { dataPaths } from '../dev-files.ts';
import { findFreePort } from '../processes/ports.ts';
import { removePostgresHome } from '../postgres/postgres-home.ts';
import { processIdentity } from '../processes/process-identity.ts';
import { createRunFile } from './run-file.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

/** Replaces API and worker: it is ready at once, takes a moment to drain, and records its input. */
const COMBINED = `
import { createServer } from 'node:http';
console.log(JSON.stringify([process.env.DATABASE_URL, process.env.TEMPORAL_ADDRESS, process.env.JWT_SECRET]));
createServer((request, response) => {
  if (request.url === '/crash') { console.log('about to crash'); process.exit(3); }
  response.end();
}).listen(Number(process.env.API_PORT), '127.0.0.1');
process.on('SIGTERM', () => setTimeout(() => { console.log('drained'); process.exit(0); }, 200));
`;
const SIMULATOR = `
import { createServer } from 'node:http';
createServer().listen(Number(process.env.SIMULATOR_PORT), '127.0.0.1');
`;

const folder = mkdtempSync(join(tmpdir(), 'order-saga-supervisor-'));
const paths = dataPaths(join(folder, 'data'));
const entries = {
  simulator: script('simulator.mjs', SIMULATOR),
  mailSink: join(import.meta.dirname, '../mail-sink-server.ts'),
  bundle: script('bundle.mjs', ''),
  migrate: script('migrate.mjs', 'console.log(process.argv.at(-1), process.env.DATABASE_URL);'),
  combined: script('combined.mjs', COMBINED),
};
const never = new AbortController().signal;
const lines: string[] = [];
let environment: DevEnvironment;
let supervisor: Supervisor;

beforeAll(async () => {
  chmodSync(folder, 0o711);
  environment = loadDevEnvironment({
    PATH: process.env['PATH'],
    DATA_DIR: join(folder, 'data'),
    TEMPORAL_ADDRESS: 'temporal.example.com:7233',
    API_PORT: await freePort(),
    POSTGRES_PORT: await freePort(),
    SIMULATOR_PORT: await freePort(),
    MAIL_SINK_SMTP_PORT: await freePort(),
    MAIL_SINK_INBOX_PORT: await freePort(),
    WORKER_METRICS_PORT: await freePort(),
    INTERNAL_PORT: await freePort(),
  });
});

beforeEach(() => {
  lines.length = 0;
});

afterAll(() => {
  removePostgresHome(paths.postgresFolder);
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<string> {
  return String(await findFreePort());
}

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function log(line: string): void {
  lines.push(line);
}

/** A supervisor that is stopped at the end of its test, wherever a failed test has left it. */
function newSupervisor(changed: Partial<typeof entries> = {}): Supervisor {
  const created = createSupervisor({
    environment,
    log,
    terminal: { write: () => true },
    entries: { ...entries, ...changed },
  });
  const over = new AbortController();
  let starting: Promise<unknown> = Promise.resolve();
  onTestFinished(async () => {
    over.abort(new Error('the test is over'));
    await Promise.allSettled([starting]);
    await created.stop(never);
  });
  const start = (signal: AbortSignal): ReturnType<Supervisor['start']> => {
    const started = created.start(AbortSignal.any([signal, over.signal]));
    starting = Promise.allSettled([started]);
    return started;
  };
  supervisor = { ...created, start };
  return supervisor;
}

function pidOf(name: string): number {
  return (
    createRunFile(paths.runFile)
      .alive()
      .find((record) => record.name === name)?.pid ?? 0
  );
}

it('The supervisor starts everything, tells everyone the addresses, and stops in order', async () => {
  const { addresses, token } = await newSupervisor().start(never);
  const combined = readFileSync(paths.log('combined'), 'utf8');
  const secret = /JWT_SECRET='(.*)'/.exec(readFileSync(paths.environmentFile, 'utf8'))?.[1] ?? '';
  expect(combined).toContain(JSON.stringify([addresses.DATABASE_URL, 'temporal.example.com:7233', secret]));
  expect(readFileSync(paths.log('migrations'), 'utf8')).toContain(`--seed ${addresses.DATABASE_URL}`);
  const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { issuer: 'order-saga' });
  expect(payload['tenant']).toBe('demo');
  expect(readFileSync(paths.tokenFile, 'utf8')).toBe(`${token}\n`);
  expect(statSync(paths.tokenFile).mode & 0o777).toBe(0o600);

  lines.length = 0;
  await supervisor.stop(never);
  const stopped = lines.filter((line) => line.includes('stopped after')).map((line) => line.split(':')[0]);
  expect([stopped[0], stopped.at(-1)]).toEqual(['combined', 'PostgreSQL']);
  expect(stopped).toHaveLength(4);
  expect(readFileSync(paths.log('combined'), 'utf8')).toContain('drained');
  expect(createRunFile(paths.runFile).alive()).toEqual([]);
});

it('The supervisor does not wait for work in flight when it is to hurry, and still stops the servers in order', async () => {
  const combined = script('stubborn.mjs', `${COMBINED} process.removeAllListeners('SIGTERM').on('SIGTERM', () => {});`);
  await newSupervisor({ combined }).start(never);
  const hurry = new AbortController();
  const stopping = supervisor.stop(hurry.signal);
  setTimeout(() => {
    hurry.abort();
  }, 100);
  await stopping;
  expect(lines.find((line) => line.startsWith('combined: stopped'))).toContain('SIGKILL');
  expect(lines.at(-1)).toMatch(/^PostgreSQL: stopped after \d\.\d s$/);
});

it('The supervisor reports a service that ends by itself with the end of its log', async () => {
  await newSupervisor().start(never);
  await fetch(`http://127.0.0.1:${environment.ports.api}/crash`).catch(() => null);
  const { message } = await supervisor.crashed;
  expect(message).toMatch(/^combined ended by itself: exit code 3\n[^]*about to crash$/);
  await supervisor.stop(never);
  expect(lines.at(-1)).toMatch(/^PostgreSQL: stopped/);
});

it('The supervisor reports a service that ends while the others start', async () => {
  const combined = script('broken.mjs', 'console.error("cannot read the configuration"); process.exit(1);');
  await expect(newSupervisor({ combined }).start(never)).rejects.toThrow(
    /combined ended by itself: exit code 1\ncannot read the configuration/,
  );
});

it('The supervisor reports a task that fails', async () => {
  const migrate = script('failing.mjs', 'console.error("syntax error"); process.exit(1);');
  await expect(newSupervisor({ migrate }).start(never)).rejects.toThrow(
    'migrations failed (exit code 1):\nsyntax error',
  );
});

it('An interrupted start can be stopped', async () => {
  const interrupt = new AbortController();
  const migrate = script('slow.mjs', 'setTimeout(() => {}, 60_000);');
  const start = newSupervisor({ migrate }).start(interrupt.signal);
  await expect.poll(() => lines.join('\n')).toContain('PostgreSQL: listening');
  interrupt.abort(new Error('interrupted'));
  await expect(start).rejects.toThrow('interrupted');
  await supervisor.stop(never);
  expect(createRunFile(paths.runFile).alive()).toEqual([]);
});

it('The supervisor names every taken port before anything is started', async () => {
  const stranger = createServer().listen(environment.ports.simulator, '127.0.0.1');
  onTestFinished(() => void stranger.close());
  await expect(newSupervisor().start(never)).rejects.toThrow(
    '(payment simulator): already in use, choose another port with SIMULATOR_PORT',
  );
  expect(lines).toEqual([]);
});

it('The supervisor starts a service whose log cannot be written, and says so', async () => {
  const log = paths.log('payment simulator');
  renameSync(log, `${log}.aside`);
  symlinkSync('/dev/full', log);
  onTestFinished(() => renameSync(`${log}.aside`, log));
  await newSupervisor().start(never);
  expect(lines.join('\n')).toMatch(/^payment simulator: goes on without its log \(ENOSPC/m);
  expect(pidOf('payment simulator')).toBeGreaterThan(0);
});

it('The supervisor stops what a killed run has left before it starts', async () => {
  await newSupervisor().start(never);
  const [combined, postgres] = [pidOf('combined'), pidOf('PostgreSQL')];
  // The state after kill -9 of the supervisor: its record names a process that is gone, and its children live on.
  const record = new RegExp(`"pid": ${process.pid},`);
  writeFileSync(paths.runFile, readFileSync(paths.runFile, 'utf8').replace(record, '"pid": 4194304,'));
  lines.length = 0;
  await newSupervisor().start(never);
  expect(lines[0]).toContain('an earlier run was killed, stopping what it left:');
  expect([processIdentity(combined), processIdentity(postgres)]).toEqual([null, null]);
  expect(pidOf('combined')).not.toBe(combined);
});

it('The supervisor does not start beside another one', async () => {
  const first = newSupervisor();
  await first.start(never);
  const runFile = createRunFile(paths.runFile);
  runFile.forget(process.pid);
  runFile.record('supervisor', process.ppid);
  await expect(newSupervisor().start(never)).rejects.toThrow(`running already (process ${process.ppid})`);
  await first.stop(never);
});
