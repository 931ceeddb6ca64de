import { expect, it } from 'vitest';
import type { AuditReport, Violation } from './audit.ts';
import { INVARIANTS } from './invariants/index.ts';
import { formatReport, reportToJson } from './report.ts';

const CHECKED = Object.fromEntries(Object.keys(INVARIANTS).map((id) => [id, 1_234])) as AuditReport['checked'];

function reportOf(violations: readonly Violation[], skipped: AuditReport['skipped'] = []): AuditReport {
  const clean = violations.length === 0;
  return { clean, tookMs: 1_500, orders: 1_234, inMotion: 2, checked: CHECKED, skipped, violations };
}

const MANY = Array.from({ length: 23 }, (_, index) => ({
  invariant: 'I6' as const,
  subject: `ord_${index}`,
  message: 'made so by a test',
}));

it('A report has a line for every invariant and the verdict last', () => {
  const lines = formatReport(reportOf([])).split('\n');
  expect(lines).toHaveLength(Object.keys(INVARIANTS).length + 1);
  expect(lines[0]).toMatch(/^I1 +ok +1,234 orders {2}\w/);
  expect(lines.at(-1)).toBe('clean: 1,234 orders, 2 of them in motion, 1.5 s');
});

it('A report prints the first 20 violations of an invariant, and how many more there are', () => {
  const text = formatReport(reportOf(MANY));
  expect(text.match(/ord_\d+: made so by a test/g)).toHaveLength(20);
  expect(text).toContain('and 3 more');
  expect(text).toMatch(/^I6 +BROKEN/m);
  expect(text).toMatch(/^23 violation\(s\): /m);
});

it('A report says what could not be checked', () => {
  expect(formatReport(reportOf([], ['I6']))).toMatch(/^I6 +not checked, its source cannot be read: /m);
  expect(formatReport(reportOf([], ['I6']))).toMatch(/^clean, I6 not checked: 1,234 orders/m);
  const { invariants } = JSON.parse(reportToJson(reportOf([], ['I6']))) as { invariants: object[] };
  expect(invariants).toContainEqual(expect.objectContaining({ id: 'I6', skipped: true }));
  expect(invariants).toContainEqual(expect.objectContaining({ id: 'I5', skipped: false }));
});

it('A report gives all violations to a script', () => {
  expect(JSON.parse(reportToJson(reportOf(MANY)))).toMatchObject({ clean: false, violations: MANY });
});
