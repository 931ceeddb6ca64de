import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { AuditReport } from '../../src/audit/audit.ts';
import { runWith, STARTED_AT } from '../checker/sound-run.ts';
import { faultsOf, type NewEntry } from '../history.ts';
import { missingPaths } from './rare-paths.ts';
import { measureRecovery, quantilesOf } from './recovery.ts';
import { formatReport, hasPassed, makeReport, type FinishedRun, type RunSettings } from './report.ts';
import { judgeAgain, saveRun } from './saved-run.ts';

const SETTINGS: RunSettings = {
  profile: 'ci',
  seed: 7,
  orders: 1,
  perSecond: 1,
  topology: 'combined',
  planned: 0,
  only: null,
  plant: null,
};

function finished(violations: FinishedRun['check']['violations'] = [], settings = SETTINGS): FinishedRun {
  const audit = { checked: { I1: 1 } } as unknown as AuditReport;
  return {
    settings,
    at: '2026-11-30T10:00:00.000Z',
    commit: 'abc1234',
    seconds: 12.3,
    check: { violations, beyondFacts: violations, facts: runWith(), audit },
    settled: { seconds: 1.5, left: {} },
    samples: { stockLooks: 3, stockMissed: 0, memoryMax: {} },
  };
}

it('A run that has reached too little fails, although nothing was broken', () => {
  const report = makeReport(finished());
  expect(report.violations).toBe(0);
  expect(report.missed).toContain('sold out');
  expect(hasPassed(report)).toBe(false);
  expect(formatReport(report)).toContain('VACUOUS');
});

it('A run with a violation fails, and tells it', () => {
  const report = makeReport(finished([{ check: 'money', subject: 'ord_1', message: '5 is still taken' }]));
  expect(hasPassed(report)).toBe(false);
  expect(report.violationsBy).toEqual({ money: 1 });
  expect(formatReport(report)).toContain('money ord_1: 5 is still taken');
  expect(formatReport(report)).toContain('--seed 7 repeats the plan');
});

it('A run passes that has kept every promise, reached everything and come to rest in time', () => {
  const sound = { violations: 0, missed: [], settled: { seconds: 120, left: {} } };
  expect(hasPassed(sound)).toBe(true);
  expect(hasPassed({ ...sound, settled: { seconds: 120.1, left: {} } })).toBe(false);
  expect(hasPassed({ ...sound, settled: { seconds: 1, left: { 'open cases': 1 } } })).toBe(false);
  const late = { ...makeReport(finished()), missed: [], settled: { seconds: 121, left: {} } };
  expect(formatReport(late)).toContain('LATE: not everything was at rest within 120 s');
});

it('A full run has to reach more than a short one, and each kind of fault three times', () => {
  const all = Object.fromEntries(missingPaths({}, 'ci').map((name) => [name, 1]));
  expect(missingPaths(all, 'ci')).toEqual([]);
  expect(missingPaths(all, 'full')).toContain('case proved by two persons');
  const { missed } = makeReport(finished([], { ...SETTINGS, profile: 'full', planned: 200 }));
  expect(missed).toContain('0 of 200 faults struck');
  expect(missed).toContain('freeze struck only 0 time(s)');
  const only = makeReport(finished([], { ...SETTINGS, profile: 'full', planned: 0, only: ['kill'] }));
  expect(only.missed).toEqual(['kill struck only 0 time(s)']);
});

const FREEZE = { kind: 'freeze', target: 'postgres' };
const KILL = { kind: 'kill', target: 'worker-2' };

const fault = (type: NewEntry['type'], at: number, data = FREEZE) => ({
  who: 'nemesis',
  op: 'fault',
  key: `${data.kind}-1`,
  order: null,
  type,
  status: null,
  at,
  data,
});

it('A fault is told from its begin to its heal, and one that did not begin is none', () => {
  const begun = fault('invoke', 10);
  expect(faultsOf([begun, fault('ok', 25)])).toEqual([
    { id: 'freeze-1', kind: 'freeze', target: 'postgres', begunAt: 10, healedAt: 25 },
  ]);
  expect(faultsOf([begun])).toMatchObject([{ healedAt: null }]);
  expect(faultsOf([begun, fault('fail', 11)])).toEqual([]);
});

it('The recovery of a fault counts the orders that it met, from its begin and from its heal', () => {
  // The order is accepted after 1 ms and at rest after 50 ms.
  const facts = runWith();
  const met = [fault('invoke', STARTED_AT + 10), fault('ok', STARTED_AT + 30)];
  const kill = [fault('invoke', STARTED_AT + 60, KILL), fault('ok', STARTED_AT + 70, KILL)];
  expect(measureRecovery({ ...facts, entries: [...facts.entries, ...met, ...kill] })).toEqual([
    {
      kind: 'freeze',
      faults: 1,
      orders: 1,
      fromBegin: { p50: 40, p99: 40, max: 40 },
      fromHeal: { p50: 20, p99: 20, max: 20 },
    },
    { kind: 'kill at worker', faults: 1, orders: 0, fromBegin: null, fromHeal: null },
  ]);
});

it('Quantiles are values that occurred', () => {
  expect(quantilesOf(Array.from({ length: 100 }, (_, index) => index + 1))).toEqual({ p50: 50, p99: 99, max: 100 });
  expect(quantilesOf([])).toBeNull();
});

it('A saved run is judged again by the present checks, and keeps what the audit has found', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-judge-'));
  const falseAlarm = { check: 'liveness', subject: 'ord_1', message: 'a check was wrong' };
  const found = { check: 'I10', subject: 'ord_1', message: 'no workflow carries it' };
  const run = finished([falseAlarm, found]);
  await saveRun({ ...run, check: { ...run.check, beyondFacts: [found] } }, folder);
  const report = await judgeAgain(folder);
  await rm(folder, { recursive: true });
  expect(report).toMatchObject({ violations: 1, examples: [found], commit: run.commit, at: run.at });
});
