import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DatabaseUnavailableError, MailUnavailableError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { cancelOrderSignal, notificationWorkflowId, orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failAfter, failBefore, lateAnswer, type ActivityName } from '../support/faults/faults.ts';
import { startNode } from '../support/processes/node-process.ts';
import { replayErrors } from '../support/replays.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const ALL = ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder', 'sendMessage'];

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

it('The fast path of an order is one local activity in which every step is tried once', USUAL_COURSE, async () => {
  const orderId = await system.postOrder();
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await markersOf(system, orderId)).toBe(1);
  expect(faults.calls(orderId).map(({ activity }) => activity)).toEqual(ALL);
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
});

it.each<[ActivityName, Error]>([
  ['openOrder', new DatabaseUnavailableError('08006')],
  ['holdStock', new DatabaseUnavailableError('08006')],
  ['takePayment', new PaymentOutcomeUnknownError('an order', 'made so by a test')],
  ['commitStock', new DatabaseUnavailableError('08006')],
  ['confirmOrder', new DatabaseUnavailableError('08006')],
])(
  'A fast path whose %s fails is gone on with by regular attempts of that step, without a second local try',
  USUAL_COURSE,
  async (step, error) => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, step, failAfter(error));
    await system.postOrder({}, key);
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(faults.calls(orderId, step).map(({ local }) => local)).toEqual([true, false]);
    const others = ALL.filter((each) => each !== step);
    for (const other of others) expect(faults.calls(orderId, other as ActivityName)).toHaveLength(1);
    expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
  },
);

it('A fast path that takes longer than a heartbeat of its workflow task replays', USUAL_COURSE, async () => {
  const { key, orderId } = plannedOrder();
  // Each answer comes within the limit of its step, 2 s; the task is extended after 4 s, at 80 percent of its time.
  for (const step of ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder'] as const)
    faults.inject(orderId, step, lateAnswer(900));
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(faults.calls(orderId).map(({ activity }) => activity)).toEqual(ALL);
  expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
});

it('A fast path whose message fails leaves it to a workflow of its own', USUAL_COURSE, async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', failBefore(new MailUnavailableError('an order', undefined)));
  await system.postOrder({}, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await system.client.workflow.getHandle(notificationWorkflowId(orderId, 'order-confirmed')).result();
  expect(faults.calls(orderId, 'sendMessage').map(({ local }) => local)).toEqual([true, false]);
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
});

it('The fast path of a customer without an address tells nobody', USUAL_COURSE, async () => {
  const orderId = await system.postOrder({ body: { customer: { id: 'cust_7' } } });
  await proveEnd(system, orderId, 'CONFIRMED');
  expect(await markersOf(system, orderId)).toBe(1);
  expect(faults.calls(orderId).map(({ activity }) => activity)).toEqual(ALL.slice(0, -1));
});

it('An order that was cancelled before any worker began it is not sent anywhere', async () => {
  const system = await startTestSystem({ worker: false });
  const orderId = await system.postOrder();
  const command = { commandId: `cmd_${randomUUID()}`, requestHash: 'hash', actor: 'a-test', reason: null };
  await system.client.workflow.getHandle(orderWorkflowId(orderId)).signal(cancelOrderSignal, command);
  const worker = startNode('src/worker.ts', system.env);
  try {
    const { ledger, movements } = await proveEnd(system, orderId, 'CANCELLED');
    expect(ledger.filter(({ kind }) => kind !== 'void')).toEqual([]);
    expect(movements).toEqual([]);
  } finally {
    if (worker.kill('SIGTERM')) await once(worker, 'exit');
    await system.stop();
  }
});

it('An order whose fast path is stepwise shows each step as a local activity of its own', USUAL_COURSE, async () => {
  const system = await startTestSystem({ env: { ORDER_FAST_PATH: 'stepwise' } });
  try {
    const orderId = await system.postOrder();
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(await markersOf(system, orderId)).toBe(ALL.length);
  } finally {
    await system.stop();
  }
});

async function markersOf(system: TestSystem, orderId: string): Promise<number> {
  const { events } = await system.client.workflow.getHandle(orderWorkflowId(orderId)).fetchHistory();
  const names = (events ?? []).map(({ markerRecordedEventAttributes: marker }) => marker?.markerName);
  return names.filter((name) => name === 'core_local_activity').length;
}
