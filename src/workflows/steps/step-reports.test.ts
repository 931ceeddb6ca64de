import { expect, it } from 'vitest';
import { createStepReports } from './step-reports.ts';

it.each([
  [{ kind: 'held', totalMinor: 4_500 }, 'held'],
  [{ decision: 'accepted', turn: 3 }, 'accepted'],
  [{ reason: 'out_of_stock', details: null }, 'out_of_stock'],
  [{ status: 'CONFIRMED', owner: null }, 'CONFIRMED'],
  [{ capturedMinor: 1 }, 'done'],
  [undefined, 'done'],
  [null, 'done'],
])('A step that answers %j is reported in one word', (answer, outcome) => {
  const reports = createStepReports();
  const step = reports.begin('a-step');
  step.tried(1);
  step.answered(answer);
  expect(reports.listed()).toEqual({
    steps: [{ step: 'a-step', startedAt: expect.any(String), durationMs: expect.any(Number), attempts: 1, outcome }],
  });
});

it('A step that was retried and parked is reported with all its tries, its last failure and its cases', () => {
  const reports = createStepReports();
  const step = reports.begin('a-step', { startedAtMs: Date.UTC(2026, 0, 1), durationMs: 1_000 });
  step.tried(1, 'payment_outcome_unknown');
  step.tried(6, 'timeout');
  step.parked();
  step.tried(2);
  step.answered({ kind: 'captured' });
  const [report] = reports.listed().steps;
  expect(report).toMatchObject({
    startedAt: '2026-01-01T00:00:00.000Z',
    attempts: 9,
    parked: 1,
    lastFailure: 'timeout',
  });
  expect(report?.durationMs).toBeGreaterThanOrEqual(1_000);
});

it('A step that throws is reported by the name of its error', () => {
  const reports = createStepReports();
  reports.begin('a-step').threw(new RangeError('with an id that is nobody’s'));
  expect(reports.listed().steps).toMatchObject([{ outcome: 'RangeError', attempts: 0 }]);
});

it('Steps are reported in the order in which they began, and only the first and the last of very many', () => {
  const reports = createStepReports();
  const steps = Array.from({ length: 100 }, (_, index) => reports.begin(`step-${index}`));
  for (const step of steps.toReversed()) step.answered(undefined);
  const { steps: listed, stepsLeftOut } = reports.listed();
  expect(stepsLeftOut).toBe(20);
  expect(listed.map(({ step }) => step)).toEqual(
    [...Array.from({ length: 40 }, (_, index) => index), ...Array.from({ length: 40 }, (_, index) => index + 60)].map(
      (index) => `step-${index}`,
    ),
  );
});
