import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  createWaitingStepRepository,
  type WaitingStepRepository,
} from '../../db/repositories/orders/waiting-step-repository.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

let database: TestDatabase;
let waiting: WaitingStepRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  waiting = createWaitingStepRepository(database.databases.payments);
});
afterAll(() => database.close());
beforeEach(() => database.query('DELETE FROM payments.waiting_steps'));

const STEP = 'take-payment';
const stepOf = (workflowId: string) => ({ workflowId, step: STEP });
const note = (workflowId: string, route = 'takePayment/pm_ok') => waiting.note({ ...stepOf(workflowId), route });

/** Moves the stored times back, as if `seconds` had passed. */
function pass(seconds: number): Promise<unknown> {
  return database.query(
    `UPDATE payments.waiting_steps SET due_at = due_at - make_interval(secs => $1),
       failed_at = failed_at - make_interval(secs => $1), woken_at = woken_at - make_interval(secs => $1)`,
    [seconds],
  );
}

async function secondsUntilDue(workflowId: string): Promise<number> {
  const [row] = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM due_at - now())::float8 AS seconds FROM payments.waiting_steps WHERE workflow_id = $1',
    [workflowId],
  );
  return row?.seconds ?? Number.NaN;
}

it('The list of the steps that wait for the provider knows whether there is any', async () => {
  expect(await waiting.any()).toBe(false);
  await note('order/1');
  await note('order/1');
  expect(await waiting.any()).toBe(true);
  expect(await waiting.remove(stepOf('order/1'))).toBe('takePayment/pm_ok');
  expect(await waiting.remove(stepOf('order/1'))).toBeNull();
  expect(await waiting.any()).toBe(false);
});

it('The list of waiting steps leaves a step to its own first retries, and gives it to one worker only', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, index) => note(`order/${index}`)));
  expect(await waiting.claimDue(100)).toEqual([]);
  await pass(11);
  const claimed = await Promise.all(Array.from({ length: 8 }, () => waiting.claimDue(10)));
  const ids = claimed.flat().map(({ workflowId }) => workflowId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids, ...(await waiting.claimDue(100)).map(({ workflowId }) => workflowId)]).toHaveLength(40);
});

it('The list of waiting steps leaves a step that is woken in vain alone for twice as long each time, for a day at most', async () => {
  await note('order/1');
  await pass(11);
  const pauses: number[] = [];
  for (let wakes = 0; wakes < 20; wakes += 1) {
    expect(await waiting.claimDue(1)).toEqual([stepOf('order/1')]);
    await note('order/1');
    const seconds = await secondsUntilDue('order/1');
    pauses.push(Math.round(seconds));
    await pass(seconds + 1);
  }
  expect(pauses.slice(0, 4)).toEqual([20, 40, 80, 160]);
  expect(Math.max(...pauses)).toBe(86_400);
  expect(pauses.at(-1)).toBe(86_400);
});

it('The list of waiting steps has all due once the provider was away', async () => {
  for (const id of ['order/1', 'order/2']) await note(id);
  await pass(11);
  await waiting.claimDue(1);
  await waiting.makeDue();
  expect(await waiting.claimDue(10)).toHaveLength(2);
});

it('The list of waiting steps has those of a route due when one of them has an answer, and no others', async () => {
  for (const id of ['order/1', 'order/2']) await note(id);
  await note('order/3', 'takePayment/pm_down');
  await waiting.answered('takePayment/pm_ok');
  const due = (await waiting.claimDue(10)).map(({ workflowId }) => workflowId);
  expect(due.toSorted()).toEqual(['order/1', 'order/2']);
  // They were just woken: another answer does not wake them twice, but when they have failed since.
  await waiting.answered('takePayment/pm_ok');
  expect(await waiting.claimDue(10)).toEqual([]);
  await note('order/1');
  await waiting.answered('takePayment/pm_ok');
  expect(await waiting.claimDue(10)).toEqual([stepOf('order/1')]);
});
