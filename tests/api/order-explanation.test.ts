import { afterAll, beforeAll, expect, it } from 'vitest';
import { repairCommandId } from '../../src/domain/command.ts';
import { orderWorkflowId, orderCommandWorkflowId } from '../../src/workflows/contract.ts';
import { startAnotherApi } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { giveCommand, openCaseOf, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type SystemClient, type TestSystem } from '../support/system.ts';

const REPAIR = { whoMustAct: 'an operator', advice: expect.stringContaining('npm run orders -- repair') };

function explain(client: SystemClient, orderId: string): Promise<Record<string, unknown>> {
  return client.request(`/v1/orders/${orderId}/explain`).then(({ body }) => body);
}

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

const terminate = (workflowId: string) => system.client.workflow.getHandle(workflowId).terminate('a test');

async function postManual(): Promise<string> {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  return orderId;
}

/** An order that tries its payment again and again. */
async function postWaiting(): Promise<string> {
  const orderId = await system.postOrder({ method: 'pm_down' });
  await expect.poll(() => explain(system, orderId)).toMatchObject({ step: 'take-payment', waitsFor: 'a retry' });
  return orderId;
}

it('The explanation of an order whose workflow was terminated says that nothing carries it, and what an operator does', async () => {
  const pending = await postWaiting();
  const authorized = await postManual();
  for (const orderId of [pending, authorized]) {
    await terminate(orderWorkflowId(orderId));
    expect(await explain(system, orderId)).toMatchObject({
      ...REPAIR,
      waitsFor: 'an operator',
      summary: expect.stringMatching(/was terminated at .*nothing goes on by itself/),
      workflows: [{ id: orderWorkflowId(orderId), status: 'TERMINATED' }],
    });
  }
});

it('The explanation of a step that somebody has paused in Temporal says who did, and how it goes on', async () => {
  const orderId = await postWaiting();
  const step = {
    namespace: system.namespace,
    execution: { workflowId: orderWorkflowId(orderId) },
    id: 'take-payment',
  };
  await system.client.workflowService.pauseActivity({ ...step, identity: 'grace', reason: 'ask the bank' });
  await expect
    .poll(() => explain(system, orderId))
    .toMatchObject({
      summary: expect.stringContaining('take-payment is paused in Temporal (by grace, "ask the bank")'),
      waitsFor: 'an operator',
      whoMustAct: 'an operator',
      nextRetryAt: null,
      advice: `temporal activity unpause --workflow-id ${orderWorkflowId(orderId)} --activity-id take-payment`,
    });
  await system.client.workflowService.unpauseActivity(step);
  await expect.poll(() => explain(system, orderId)).toMatchObject({ waitsFor: 'a retry', whoMustAct: 'the system' });
  await giveCommand(system, orderId, { route: 'cancel' });
});

it('The explanation of a refund looks at the workflow that carries it, and says when that is gone', async () => {
  const orderId = await system.postOrder();
  await untilStatus(system, orderId, 'CONFIRMED');
  await system.setFaults({ down: true });
  await giveCommand(system, orderId, { route: 'refunds' });
  await untilStatus(system, orderId, 'REFUNDING');
  await expect
    .poll(() => explain(system, orderId))
    .toMatchObject({
      step: 'refund-payment',
      whoMustAct: 'the system',
      taskQueue: 'payments',
      workflowUrl: expect.stringContaining(encodeURIComponent(`order-command/${orderId}/cmd_`)),
    });
  const { workflows } = (await explain(system, orderId)) as { workflows: { id: string; status: string }[] };
  const command = workflows.find(({ status }) => status === 'RUNNING')?.id ?? '';
  await terminate(command);
  await system.setFaults({ down: false });
  expect(await explain(system, orderId)).toMatchObject({
    ...REPAIR,
    summary: expect.stringMatching(/^The refund of 45\.00 EUR .*was terminated/),
  });
});

it('The explanation of a further capture that was accepted and lost says that, though the order is at rest', async () => {
  const orderId = await postManual();
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  await system.setFaults({ down: true });
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 500 });
  await expect.poll(() => explain(system, orderId)).toMatchObject({ step: 'capture-payment' });
  const { workflows } = (await explain(system, orderId)) as { workflows: { id: string; status: string }[] };
  await terminate(workflows.find(({ status }) => status === 'RUNNING')?.id ?? '');
  await system.setFaults({ down: false });
  expect(await explain(system, orderId)).toMatchObject({
    ...REPAIR,
    status: 'CONFIRMED',
    summary: expect.stringMatching(/^The capture of 5\.00 EUR .*was terminated/),
  });
});

it('The explanation of a parked order whose workflow was terminated says that no decision can be carried out', async () => {
  const orderId = await system.postOrder({ method: 'pm_wrong_amount' });
  await openCaseOf(system, orderId);
  await terminate(orderWorkflowId(orderId));
  expect(await explain(system, orderId)).toMatchObject({ ...REPAIR, step: 'take-payment' });
});

it('The explanation of an order that is being repaired looks at its repair', async () => {
  const orderId = await postWaiting();
  await terminate(orderWorkflowId(orderId));
  const repair = orderCommandWorkflowId(orderId, repairCommandId(orderId));
  await system.client.workflow.start('somethingElse', { workflowId: repair, taskQueue: 'orders' });
  await expect
    .poll(() => explain(system, orderId))
    .toMatchObject({
      whoMustAct: 'the system',
      workflows: [{ status: 'TERMINATED' }, { id: repair, status: 'RUNNING' }],
    });
  // A type of workflow that no worker knows fails its task again and again.
  await expect
    .poll(() => explain(system, orderId))
    .toMatchObject({
      whoMustAct: 'an operator',
      summary: expect.stringContaining(`${repair} fails again and again`),
    });
});

it('The explanation without Temporal does not say that all is well with an order in motion', async () => {
  const orderId = await postWaiting();
  const api = await startAnotherApi(system, { TEMPORAL_ADDRESS: `127.0.0.1:${await findFreePort()}` });
  try {
    expect(await explain(api, orderId)).toMatchObject({
      summary: expect.stringContaining('Temporal does not answer'),
      whoMustAct: 'an operator',
      workflows: [],
    });
  } finally {
    await api.stop();
  }
  await giveCommand(system, orderId, { route: 'cancel' });
});

it('The explanation names the queue of a step that no worker serves, and how it is served', async () => {
  const served = 'orders,inventory,notifications';
  const env = { WORKER_QUEUES: served, STEP_PLACEMENT: 'payment=queue' };
  const system = await startTestSystem({ env });
  try {
    const orderId = await system.postOrder();
    await expect
      .poll(() => explain(system, orderId))
      .toMatchObject({
        status: 'PENDING',
        waitsFor: 'a worker',
        whoMustAct: 'an operator',
        step: 'take-payment',
        taskQueue: 'payments',
        summary: expect.stringContaining('no worker'),
        advice: expect.stringContaining('--queues payments'),
      });
  } finally {
    await system.stop();
  }
});

it('The explanation names the queue of workflows before the order has a row, and for a command after it', async () => {
  const system = await startTestSystem();
  try {
    const sold = await system.postOrder();
    await untilStatus(system, sold, 'CONFIRMED');
    await system.stopWorker();
    const unopened = await system.postOrder();
    await giveCommand(system, sold, { route: 'refunds' });
    for (const orderId of [unopened, sold]) {
      await expect
        .poll(() => explain(system, orderId))
        .toMatchObject({ waitsFor: 'a worker', whoMustAct: 'an operator', taskQueue: 'orders' });
    }
    await system.client.workflow.getHandle(orderWorkflowId(unopened)).terminate('a test');
    expect(await explain(system, unopened)).toMatchObject({
      whoMustAct: 'the client',
      summary: expect.stringContaining('before its first step'),
      advice: expect.stringContaining('another Idempotency-Key'),
    });
  } finally {
    await system.stop();
  }
});
