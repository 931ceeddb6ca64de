import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook?: string };
}

const { groups } = parse(read('ops/prometheus/rules.yml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

/** The headings of a document, as the addresses of its sections. */
function sectionsOf(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
}

it.each(alerts)('The runbook of the alert $alert is a section of a document', ({ annotations }) => {
  const [document = '', section = ''] = annotations?.runbook?.split('#') ?? [];
  expect(sectionsOf(document)).toContain(section);
});

/** Names in an expression that are neither functions nor words of PromQL; labels are left out. */
function metricsIn(expr: string): string[] {
  const bare = expr.replaceAll(/\{[^}]*\}|"[^"]*"|\[\w+\]|\b(?:by|without) \([^)]*\)/g, ' ');
  const words = [...bare.matchAll(/[a-z_:][\w:]*(?!\w)(?!\s*\()/g)].map(([word]) => word);
  return words.filter((word) => !['and', 'or', 'unless'].includes(word) && !/^\d/.test(word));
}

it('Every metric of a rule is listed in docs/metrics.md, or is one of the SDK, or is recorded', () => {
  const listed = [...read('docs/metrics.md').matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name);
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const known = new Set([...listed, ...recorded]);
  const used = rules.flatMap(({ expr }) => metricsIn(expr));
  expect(used.length).toBeGreaterThan(20);
  const unknown = used.filter(
    (name) => !known.has(name.replace(/_(?:bucket|count|sum)$/, '')) && !name.startsWith('temporal_workflow_'),
  );
  expect(unknown).toEqual([]);
});

it('Every alert is tested to fire, and to be silent while the service is well', () => {
  const { tests } = parse(read('ops/prometheus/rules.test.yml')) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const tested = tests.flatMap((test) => test.alert_rule_test);
  const names = (fires: boolean): string[] =>
    tested.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname);
  const expected = alerts.map(({ alert = '' }) => alert).toSorted();
  expect(names(true).toSorted()).toEqual(expected);
  expect(names(false).toSorted()).toEqual(expected);
});
