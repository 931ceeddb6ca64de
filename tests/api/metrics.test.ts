import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it, vi } from 'vitest';
import { startInternalListener } from '../../src/composition/internal-listener.ts';
import {
  createProcessMetrics,
  observeBuild,
  observeClock,
  poolFigures,
} from '../../src/composition/process-metrics.ts';
import type { Config } from '../../src/config.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { PROBLEMS } from '../../src/api/http/problem.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { FAILURE_CODES } from '../../src/domain/errors.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startTestSystem } from '../support/system.ts';
import { createTestAuthority } from '../support/tls/test-authority.ts';
import { allAt, createDatabases } from '../../db/client.ts';

const DOCUMENTS = globSync(['README.md', 'docs/**/*.md'], { cwd: PROJECT_FOLDER });
const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');

/** Metrics of the libraries, which document them. */
const OF_OTHERS = /^(?:temporal_(?!up$)|target_info$)/;

/** Words at the end of a metric's name. */
const ENDINGS = /_(?:total|seconds|duration|size|age|lag|up|pollers|tasks|wait|in_use|open)$/;

/** Names in the Prometheus text, without the three suffixes of each histogram. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name).filter((name) => !OF_OTHERS.test(name));
}

/** The words between backticks, without labels and comparisons. */
function quotedIn(document: string): { readonly name: string; readonly isLabelled: boolean }[] {
  return [...read(document).matchAll(/`([a-z]+(?:_[a-z]+)+)(\{[^`]*\})?(?: [=<>]+ [\d.]+)?`/g)]
    .map(([, name = '', labels]) => ({ name, isLabelled: labels !== undefined }))
    .filter(({ name }) => !OF_OTHERS.test(name));
}

/** Names of tables, which have the same form. */
function tables(): string[] {
  const schemas = globSync('db/schema/*.ts', { cwd: PROJECT_FOLDER }).map(read).join('\n');
  return [...schemas.matchAll(/\btable\(\s*'(\w+)'/gi)].map(([, name = '']) => name);
}

/** Whether a name is the one in the code, before the exporter appends its endings. */
function isShortFor(name: string, full: string): boolean {
  return ['total', 'seconds'].some((ending) => `${name}_${ending}` === full);
}

let exported: Readonly<Record<'process' | 'api' | 'worker', readonly string[]>>;
beforeAll(async () => {
  const process = await processMetrics();
  // The API's text has those of its process.
  const api = (await apiMetrics()).filter((name) => !process.includes(name));
  exported = { process: process, api, worker: await workerMetrics() };
});

/** Metrics of a process with a certificate, pools and a worker, before it starts. */
async function processMetrics(): Promise<string[]> {
  const authority = await createTestAuthority();
  const pem = authority.ca.toString();
  await authority.remove();
  const metrics = createProcessMetrics('test', () => [{ setting: 'NODE_EXTRA_CA_CERTS', source: { pem } }]);
  observeClock(metrics, { aheadMs: () => 0 });
  observeBuild(metrics, null);
  // No statement is sent, so no database is needed.
  const nowhere = { poolSize: 2, applicationName: 'test', onIdleError: () => {} };
  metrics.observeProcess(poolFigures(createDatabases(allAt('postgres://127.0.0.1:1/none'), nowhere)));
  const internal = { host: '127.0.0.1', port: 0, isChosen: false };
  const config = { internal, worker: { metrics: null, queues: ['orders'] } } as unknown as Config;
  const logger = createLogger({ level: 'silent', service: 'test' });
  const listener = await startInternalListener({ config, logger, metrics }, true);
  const names = namesIn(await metrics.scrape());
  await listener.close();
  return names;
}

/** Metrics of an API that has accepted an order and an event, and refused a token. */
async function apiMetrics(): Promise<string[]> {
  const system = await startTestSystem({ events: true });
  try {
    expect(await system.orderAtRest(await system.postOrder())).toMatchObject({ status: 'CONFIRMED' });
    expect(await sendEvents(system, purchase())).toMatchObject({ status: 202 });
    expect(await system.request('/v1/orders', { token: 'a.b.c' })).toMatchObject({ status: 401 });
    const scrape = (): Promise<string> => fetch(`${system.url}/metrics`).then((response) => response.text());
    // The figures of consumers are sampled every few seconds.
    await vi.waitFor(async () => expect(await scrape()).toContain('events_lag{'), { timeout: 60_000, interval: 50 });
    return namesIn(await scrape());
  } finally {
    await system.stop();
  }
}

/** Metrics of a worker that has counted everything. */
async function workerMetrics(): Promise<string[]> {
  const script = join(PROJECT_FOLDER, 'tests/support/processes/worker-metrics.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, String(await findFreePort())]);
  return namesIn(stdout);
}

const known = new Set<string>([...FAILURE_CODES, ...Object.keys(PROBLEMS), ...tables()]);

it.each(DOCUMENTS)('The metrics that %s names are exported', (document) => {
  const all = Object.values(exported).flat();
  const meant = quotedIn(document).filter(
    ({ name, isLabelled }) =>
      isLabelled || (!known.has(name) && (ENDINGS.test(name) || all.some((full) => isShortFor(name, full)))),
  );
  expect(meant.filter(({ name }) => !all.includes(name)).map(({ name }) => name)).toEqual([]);
});

it.each(['process', 'api', 'worker'] as const)(
  'The metrics that the %s exports are all listed in docs/metrics.md',
  (process) => {
    expect(exported[process].length).toBeGreaterThan(1);
    expect(listedUnder(process).toSorted()).toEqual([...new Set(exported[process])].toSorted());
  },
);

/** Names in the table of a section. */
function listedUnder(heading: string): string[] {
  const [, section = ''] = read('docs/metrics.md').split(`## ${heading}\n`);
  const [table = ''] = section.split('\n## ');
  return [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name);
}
