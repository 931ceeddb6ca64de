import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { purchase, sendEvents } from '../support/events.ts';
import { helpIn, seriesIn, type Series } from '../support/exposition.ts';
import { readPanels, readProjectFile, readRules } from '../support/monitoring.ts';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import { readExpression, type Selector } from '../support/promql.ts';
import { createTestAuthority, type TestAuthority } from '../support/tls/test-authority.ts';

// Whether everything that rules and dashboards ask for is really there, in the text of a process that had work and
// failures of every kind.

/** Labels that Prometheus adds to every series. */
const OF_PROMETHEUS = ['job', 'instance'];

/** Metrics that Prometheus makes of its scrapes. */
const MADE_BY_PROMETHEUS = ['up'];

const rules = readRules();
const recorded = rules.flatMap(({ record }) => record ?? []);

/** The expressions of rules and dashboards, with where they stand. */
const expressions = [
  ...rules.map(({ alert, record, expr }) => ({ place: alert ?? record ?? '', expr })),
  ...readPanels().flatMap(({ page, title, exprs }) => exprs.map((expr) => ({ place: `${page}: ${title}`, expr }))),
];

let authority: TestAuthority;
let system: ProcessSystem;
/** The text of the process before its first work, and after it. */
let fresh: string;
let text: string;

beforeAll(async () => {
  authority = await createTestAuthority();
  system = await startProcessSystem(['combined'], {
    WORKER_METRICS_PORT: String(await findFreePort()),
    WORKER_QUEUES: TASK_QUEUES.join(','),
    NODE_EXTRA_CA_CERTS: authority.caPath,
    STEP_MAX_ATTEMPTS: 'take-payment=1',
  });
  await readFirstFigures();
  await work();
  text = await scrape();
});
afterAll(async () => {
  await system.stop();
  await authority.remove();
});

/** A process reads its first figures within moments of its start, long before Prometheus asks. */
async function readFirstFigures(): Promise<void> {
  const complete = async (): Promise<void> => {
    fresh = await scrape();
    expect(missingAtStart(fresh)).toEqual([]);
  };
  // The test about them says what is missing.
  await vi.waitFor(complete, { timeout: 30_000, interval: 500 }).catch(() => {});
}

async function scrape(): Promise<string> {
  return (await fetch(`${system.internalUrlOf('combined')}/metrics`)).text();
}

/** What the work must have left; the rest of the metrics exists without it. */
const WORKED = [
  'events_failed_total',
  'event_processing_duration_seconds_count',
  'order_saga_circuit_breaker_open',
  'cases_open',
  'payments_unknown',
];

/** Orders that go well, are refused, and are parked behind an open breaker; events that go well and fail. */
async function work(): Promise<void> {
  const good = await system.postOrder();
  expect(await system.orderAtRest(good)).toMatchObject({ status: 'CONFIRMED' });
  expect(await system.orderAtRest(await system.postOrder({ method: 'pm_declined' }))).toMatchObject({
    status: 'REJECTED',
  });
  // A breaker opens after some 50 calls in 10 s.
  await Promise.all(Array.from({ length: 40 }, () => system.postOrder({ method: 'pm_down' })));
  expect(await sendEvents(system, purchase())).toMatchObject({ status: 202 });
  expect(await sendEvents(system, purchase({ properties: {} }))).toMatchObject({ status: 202 });
  const isSeen = (series: readonly Series[], wanted: string): boolean =>
    series.some(({ name, value }) => name === wanted && value > 0);
  await vi.waitFor(
    async () => {
      const series = seriesIn(await scrape());
      expect(WORKED.filter((name) => !isSeen(series, name))).toEqual([]);
    },
    { timeout: 60_000, interval: 500 },
  );
}

/** Whether the series has what a selector asks for. */
function matches({ name, labels }: Series, asked: Selector): boolean {
  if (name !== asked.name) return false;
  return [...asked.matchers].every(
    ([label, value]) => OF_PROMETHEUS.includes(label) || (value === null ? label in labels : labels[label] === value),
  );
}

/** Selectors without a series, with the place where they stand. */
function missing(of: readonly { place: string; expr: string }[], series: readonly Series[]): string[] {
  return of.flatMap(({ place, expr }) =>
    readExpression(expr)
      .selectors.filter(({ name }) => !recorded.includes(name) && !MADE_BY_PROMETHEUS.includes(name))
      .filter((selector) => !series.some((each) => matches(each, selector)))
      .map(({ name, matchers }) => `${place}: ${name} ${JSON.stringify([...matchers])}`),
  );
}

it('Every expression of rules and dashboards is PromQL', () => {
  expect(expressions.length).toBeGreaterThan(100);
  expect(expressions.flatMap(({ expr }) => readExpression(expr).errors)).toEqual([]);
});

it('Every series that rules and dashboards ask for is in the text of a process that had work and failures', () => {
  expect(missing(expressions, seriesIn(text))).toEqual([]);
});

it('Every label by which rules and dashboards group is one of the metrics that they read', () => {
  const series = seriesIn(text);
  const wrong = expressions.flatMap(({ place, expr }) => {
    const { selectors, groupings } = readExpression(expr);
    const read = series.filter(({ name }) => selectors.some((asked) => asked.name === name));
    const known = new Set([...OF_PROMETHEUS, ...read.flatMap(({ labels }) => Object.keys(labels))]);
    return groupings.filter((label) => !known.has(label)).map((label) => `${place}: ${label}`);
  });
  expect(wrong).toEqual([]);
});

/** Figures of what has happened: a ratio of them needs no first value. A breaker's route is known by its first call. */
const APPEAR_LATER = /^(?:http_server_request_duration_seconds_(?:bucket|count)|order_saga_circuit_breaker_open)$/;

it('Every series that an alert needs is there before the first order', () => {
  expect(missingAtStart(fresh)).toEqual([]);
});

function missingAtStart(scraped: string): string[] {
  const late = missing(
    rules.map(({ alert, record, expr }) => ({ place: alert ?? record ?? '', expr })),
    seriesIn(scraped),
  );
  return late.filter((line) => !APPEAR_LATER.test(line.split(' ')[1] ?? ''));
}

it('Every metric of the process has a HELP, and stands in docs/metrics.md', () => {
  const listed = [...readProjectFile('docs/metrics.md').matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name);
  const helps = [...helpIn(text)].filter(([name]) => !/^(?:target_info$|temporal_(?!up$))/.test(name));
  expect(helps.length).toBeGreaterThan(50);
  expect(helps.filter(([, help]) => help === '').map(([name]) => name)).toEqual([]);
  expect(helps.filter(([name]) => !listed.includes(name)).map(([name]) => name)).toEqual([]);
  const used = expressions.flatMap(({ expr }) => readExpression(expr).selectors.map(({ name }) => name));
  const ofTemporal = used.filter((name) => name.startsWith('temporal_')).map((name) => name.replace(/_bucket$/, ''));
  expect(ofTemporal.filter((name) => !listed.includes(name))).toEqual([]);
});
