import { ApplicationFailure, CancelledFailure, defaultPayloadConverter } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { EndedStep } from '../activities/fast-path.ts';
import { CORRELATION_HEADER, TRACE_HEADER } from '../workflows/contract.ts';
import { correlateLogs, watchSteps } from './activity-interceptors.ts';

/** Runs one attempt of an activity under the interceptor, and returns what it told. */
async function attempt(activityType: string, run: () => Promise<unknown>): Promise<EndedStep[]> {
  const ended: EndedStep[] = [];
  const context = { info: { activityType } } as Parameters<ReturnType<typeof watchSteps>>[0];
  const { execute } = watchSteps((step) => ended.push(step))(context).inbound ?? {};
  await (execute?.({ args: [], headers: {} }, run) ?? run()).catch(() => {});
  return ended;
}

it.each([
  [
    { [TRACE_HEADER]: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, [CORRELATION_HEADER]: 'c-1' },
    { correlationId: 'c-1', traceId: 'a'.repeat(32) },
  ],
  [{ [CORRELATION_HEADER]: 'c-1' }, { correlationId: 'c-1' }],
  [{}, {}],
])('An activity that comes with %o logs lines with %o', async (origin, fields) => {
  const { inbound, outbound } = correlateLogs({} as Parameters<typeof correlateLogs>[0]);
  const headers = Object.fromEntries(
    Object.entries(origin).map(([name, value]) => [name, defaultPayloadConverter.toPayload(value)]),
  );
  await inbound?.execute?.({ args: [], headers }, async () => {});
  expect(outbound?.getLogAttributes?.({ attempt: 1 }, (attributes) => attributes)).toEqual({ attempt: 1, ...fields });
});

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
