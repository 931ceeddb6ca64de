import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { readPanels, readProjectFile, readRules, sectionsOf } from './support/monitoring.ts';
import { requirePrometheus } from './support/processes/prometheus.ts';
import { readExpression } from './support/promql.ts';

// What rules and dashboards say; tests/processes/metrics-in-use.test.ts asks whether their series are there.

const run = promisify(execFile);
const rules = readRules();
const alerts = rules.filter(({ alert }) => alert !== undefined);
const panels = readPanels();

it.each(alerts)('The runbook of the alert $alert is a section of a document', ({ annotations }) => {
  const [document = '', section = ''] = annotations?.runbook.split('#') ?? [];
  expect(sectionsOf(document)).toContain(section);
});

it.each(alerts)(
  'The alert $alert says in a sentence what is wrong, and how urgent it is',
  ({ annotations, labels }) => {
    expect(annotations?.summary).toMatch(/^\S+ .*\S$/);
    expect(['page', 'ticket']).toContain(labels?.severity);
  },
);

it('Every alert is tested to fire, and to be silent while the service is well', () => {
  const { tests } = parse(readProjectFile('ops/prometheus/rules.test.yml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const tested = tests.flatMap((test) => test.alert_rule_test);
  const names = (fires: boolean): string[] => [
    ...new Set(tested.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname)),
  ];
  const expected = alerts.map(({ alert = '' }) => alert).toSorted();
  expect(names(true).toSorted()).toEqual(expected);
  expect(names(false).toSorted()).toEqual(expected);
});

it('The rules are correct, and their tests pass, for the tool of Prometheus itself', async (context) => {
  const { promtool } = await requirePrometheus(context);
  const options = { cwd: PROJECT_FOLDER };
  expect((await run(promtool, ['check', 'rules', 'ops/prometheus/rules.yml'], options)).stdout).toContain('SUCCESS');
  const tested = await run(promtool, ['test', 'rules', 'ops/prometheus/rules.test.yml'], options);
  expect(tested.stdout).toContain('SUCCESS');
});

it.each(['accept_errors', 'accepts_slow', 'late'])(
  'The objective of orders:%s calls somebody fast over 5 min and 1 h, and slowly over 30 min and 6 h',
  (objective) => {
    const windows = alerts.flatMap(({ expr, labels }) => {
      const read = readExpression(expr).selectors.map(({ name }) => name);
      const own = read.filter((name) => name.startsWith(`orders:${objective}:`));
      return own.length === 0 ? [] : [[labels?.severity, ...own.map((name) => name.replace(/.*_rate/, ''))]];
    });
    expect(windows).toEqual([
      ['page', '5m', '1h'],
      ['ticket', '30m', '6h'],
    ]);
  },
);

it('Every page of Grafana has panels with a unit, a description and expressions of their own names', () => {
  expect(new Set(panels.map(({ page }) => page)).size).toBe(5);
  for (const { page, title, description, unit, exprs } of panels) {
    expect(unit, `${page}: ${title}`).not.toBe('');
    expect(description, `${page}: ${title}`).toMatch(/\.$|\)$|[a-z]$/);
    expect(exprs.length, `${page}: ${title}`).toBeGreaterThan(0);
  }
  const ids = panels.map(({ page, id }) => `${page} ${id}`);
  expect(new Set(ids).size).toBe(ids.length);
});

const advised = panels.flatMap((panel) => {
  const [, section] = /What to do: docs\/operations\.md#(\S+)$/.exec(panel.description) ?? [];
  return section === undefined ? [] : [{ ...panel, section }];
});

it('Every section that a panel sends its reader to exists', () => {
  expect(advised.length).toBeGreaterThan(20);
  const sections = sectionsOf('docs/operations.md');
  expect(advised.filter(({ section }) => !sections.includes(section))).toEqual([]);
});
