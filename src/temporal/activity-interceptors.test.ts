import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { EndedStep } from '../activities/fast-path.ts';
import { watchSteps } from './activity-interceptors.ts';

/** Runs one attempt of an activity under the interceptor, and returns what it told. */
async function attempt(activityType: string, run: () => Promise<unknown>): Promise<EndedStep[]> {
  const ended: EndedStep[] = [];
  const context = { info: { activityType } } as Parameters<ReturnType<typeof watchSteps>>[0];
  const { execute } = watchSteps((step) => ended.push(step))(context).inbound ?? {};
  await (execute?.({ args: [], headers: {} }, run) ?? run()).catch(() => {});
  return ended;
}

it('A step that runs as an activity of its own is told with its time', async () => {
  expect(await attempt('holdStock', async () => 'held')).toEqual([
    { step: 'holdStock', seconds: expect.any(Number), failure: null },
  ]);
});

it.each([
  [ApplicationFailure.create({ type: 'database_unavailable', message: 'away' }), 'database_unavailable'],
  [new TypeError('a bug'), 'unclassified'],
  [new CancelledFailure('no longer wanted'), 'cancelled'],
])('A step that fails by %s is told with the code %s', async (error, failure) => {
  expect(await attempt('holdStock', () => Promise.reject(error))).toMatchObject([{ step: 'holdStock', failure }]);
});

it.each(['tryFastPath', 'sweepCommands', 'pumpEvents'])('The activity %s is not told as a step', async (activity) => {
  expect(await attempt(activity, async () => {})).toEqual([]);
});
