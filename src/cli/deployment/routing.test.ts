import type { Client } from '@temporalio/client';
import { afterEach, expect, it, vi } from 'vitest';
import { createTables } from '../table.ts';
import { ramp, setCurrent } from './routing.ts';
import type { DeploymentState } from './worker-deployment.ts';

/** A deployment whose task queues hear of a change after some looks, and what the commands said. */
function deploymentInEffectAfter(looks: number) {
  const said: string[] = [];
  const state: DeploymentState = { name: 'order-saga', current: 'two', builds: [], unversioned: 0, isInEffect: true };
  const saidBefore: number[] = [];
  const read = async (): Promise<DeploymentState> => {
    saidBefore.push(said.length);
    return { ...state, isInEffect: saidBefore.length > looks };
  };
  const nothing = async (): Promise<void> => undefined;
  const tools = {
    client: {} as Client,
    deployment: { read, setCurrent: nothing, ramp: nothing, listOpen: async () => [], move: nothing },
    name: 'order-saga',
    ownBuildId: null,
    code: { bundlePath: 'none', sealing: null },
    isJson: false,
    tables: createTables({ colors: false }),
    print: (text: string) => void said.push(text),
    tell: (text: string) => void said.push(text),
  };
  return { tools, said, saidBefore };
}

afterEach(() => void vi.useRealTimers());

const waiting = { waitMs: 30_000, isForced: false };

it('A build is current when every task queue knows it, and not before', async () => {
  const { tools, said, saidBefore } = deploymentInEffectAfter(3);
  expect(await setCurrent(tools, 'two', waiting)).toBe(0);
  // The last look is the one that is printed.
  expect(saidBefore).toEqual([0, 0, 0, 0, 0]);
  expect(said.join('\n')).toContain('New orders of order-saga go to two.');
});

it.each([
  ['set-current', (tools: Parameters<typeof setCurrent>[0]) => setCurrent(tools, 'two', waiting)],
  ['ramp', (tools: Parameters<typeof setCurrent>[0]) => ramp(tools, 'two', { waitMs: 30_000, percent: 5 })],
])('`%s` fails when the task queues do not hear of the change', async (_command, run) => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { tools, said } = deploymentInEffectAfter(Number.POSITIVE_INFINITY);
  const done = run(tools);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await done).toBe(1);
  expect(said).toEqual([expect.stringContaining('new orders may still go where they went')]);
});
