import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DevEnvironmentError, givenSettings, loadDevEnvironment, portClaims } from './dev-environment.ts';
import { makeDataFolder, writeEnvironmentFile } from './dev-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-files-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

it('The data folder cannot be listed by other users', () => {
  const data = join(folder, 'data');
  makeDataFolder(data);
  expect(statSync(data).mode & 0o066).toBe(0);
});

it('The environment file is read by node as it was written, and closed to other users', () => {
  const file = join(folder, 'dev.env');
  const variables = { PLAIN: 'a', HARD: `sp ace #hash "double" \\n $x=+/`, URL: 'postgres://u:p%40@h:1/d?a=b' };
  writeEnvironmentFile(file, variables, 'a test');
  const script = 'console.log(JSON.stringify([process.env.PLAIN, process.env.HARD, process.env.URL]))';
  const output = execFileSync(process.execPath, [`--env-file=${file}`, '-e', script], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual(Object.values(variables));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('The development environment has the documented defaults', () => {
  const { ports, dataFolder } = loadDevEnvironment({ API_PORT: '' });
  expect(Object.values(ports)).toEqual([8080, 7233, 8233, 54_329, 8090, 2525, 8025, 9464, 9465]);
  expect(dataFolder.endsWith('/.data')).toBe(true);
});

it('The development environment claims no port for a server that somebody else runs', () => {
  const claims = portClaims(
    loadDevEnvironment({ DATABASE_URL: 'postgres://db.example.com/orders', TEMPORAL_ADDRESS: 'temporal:7233' }),
  );
  expect(claims.map(({ variable }) => variable)).toEqual([
    'API_PORT',
    'INTERNAL_PORT',
    'WORKER_METRICS_PORT',
    'SIMULATOR_PORT',
    'MAIL_SINK_SMTP_PORT',
    'MAIL_SINK_INBOX_PORT',
  ]);
});

it('The development environment takes no port that fetch refuses, and no port for 0', async () => {
  await expect(fetch('http://127.0.0.1:6000').catch((error: Error) => error.cause)).resolves.toMatchObject({
    message: 'bad port',
  });
  for (const name of ['API_PORT', 'INTERNAL_PORT', 'SIMULATOR_PORT', 'MAIL_SINK_INBOX_PORT', 'TEMPORAL_UI_PORT']) {
    expect(() => loadDevEnvironment({ [name]: '6000' })).toThrow(`${name}: fetch and browsers refuse this port`);
  }
  const off = { WORKER_METRICS_PORT: '0', INTERNAL_PORT: '0' };
  const variables = portClaims(loadDevEnvironment(off)).map(({ variable }) => variable);
  expect(variables).not.toContain('WORKER_METRICS_PORT');
  expect(variables).not.toContain('INTERNAL_PORT');
});

it('The development environment reaches the API where it listens', () => {
  const urlOf = (API_HOST: string): string => loadDevEnvironment({ API_HOST, API_PORT: '81' }).apiUrl;
  expect(['', '::1', '::', '0.0.0.0', '10.0.0.7'].map(urlOf)).toEqual([
    'http://127.0.0.1:81',
    'http://[::1]:81',
    'http://[::1]:81',
    'http://127.0.0.1:81',
    'http://10.0.0.7:81',
  ]);
});

it('The development environment asks for each port at the address that its server will listen on', () => {
  const machine = { WORKER_METRICS_HOST: '0.0.0.0', INTERNAL_HOST: '10.0.0.8' };
  const hosts = { API_HOST: '::', SIMULATOR_HOST: '::1', MAIL_SINK_HOST: '10.0.0.7', ...machine };
  const environment = loadDevEnvironment({ ...hosts, SIMULATOR_PORT: '82', MAIL_SINK_INBOX_PORT: '83' });
  expect(Object.fromEntries(portClaims(environment).map(({ variable, host }) => [variable, host]))).toEqual({
    API_PORT: '::',
    INTERNAL_PORT: '10.0.0.8',
    WORKER_METRICS_PORT: '0.0.0.0',
    TEMPORAL_PORT: undefined,
    TEMPORAL_UI_PORT: undefined,
    POSTGRES_PORT: undefined,
    SIMULATOR_PORT: '::1',
    MAIL_SINK_SMTP_PORT: '10.0.0.7',
    MAIL_SINK_INBOX_PORT: '10.0.0.7',
  });
  const variables = portClaims(environment).flatMap(({ hostVariable = [] }) => hostVariable);
  expect(new Set(variables)).toEqual(new Set(Object.keys(hosts)));
  expect(environment).toMatchObject({ simulatorUrl: 'http://[::1]:82', inboxUrl: 'http://10.0.0.7:83' });
});

it('The development environment refuses a namespace that no call can name, which Temporal would not do before it has started', () => {
  expect(() => loadDevEnvironment({ TEMPORAL_NAMESPACE: 'zürich' })).toThrow(
    'TEMPORAL_NAMESPACE: must be printable ASCII',
  );
  expect(loadDevEnvironment({ TEMPORAL_NAMESPACE: 'a/b #1' }).temporalNamespace).toBe('a/b #1');
});

it('The development environment gives tools every setting that it was given, and nothing else of the environment', () => {
  const settings = { TEMPORAL_NAMESPACE: 'qa', JWT_ISSUER: 'me', STRIPE_MULTICAPTURE: 'true', TEMPORAL_PORT: '7300' };
  const others = { PATH: '/bin', AWS_SECRET: 'x', DATA_DIR: '/x', npm_lifecycle_event: 'start', LOG_LEVEL: '' };
  expect(givenSettings({ ...settings, ...others })).toEqual(settings);
});

it('The development environment reports all problems at once', () => {
  expect(() => loadDevEnvironment({ API_PORT: 'many', POSTGRES_PORT: '70000' })).toThrow(
    new DevEnvironmentError([
      'API_PORT: Invalid input: expected number, received NaN',
      'POSTGRES_PORT: Too big: expected number to be <=65535',
    ]),
  );
});
