import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NOTICE_SWEEP_SCHEDULE_ID, noticeWorkflowId } from '../../src/workflows/contract.ts';
import { CASE_KIND } from '../../src/workflows/search-attributes.ts';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { giveCommand, openCaseOf, storeNotice, untilStatus } from '../support/faults/order-actions.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/** The provider of this system reports by itself. */
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ webhooks: true });
  await ensureSweepSchedules(system.client);
});
afterAll(() => system.stop());

/** 45.00 are authorized, and 10.00 of them captured. */
async function partlyCaptured(): Promise<string> {
  const orderId = await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  return orderId;
}

interface CaseRow {
  readonly step: string;
  readonly state: string;
  readonly resolution: string | null;
}

function casesOf(orderId: string): Promise<CaseRow[]> {
  return system.database.query<CaseRow>('SELECT step, state, resolution FROM orders.cases WHERE order_id = $1', [
    orderId,
  ]);
}

async function outcomeOf(eventId: string): Promise<string | null> {
  const [row] = await system.database.query<{ outcome: string | null }>(
    'SELECT outcome FROM payments.payment_notices WHERE event_id = $1',
    [eventId],
  );
  return row?.outcome ?? null;
}

function operationOf(key: string): Promise<unknown[]> {
  return system.database.query(
    'SELECT state, amount_minor::integer AS amount FROM payments.operations WHERE key = $1',
    [key],
  );
}

/** Stores a report that the sweep handles like the API would. */
async function reported(orderId: string, kind: 'charge_succeeded' | 'disputed', key: string | null): Promise<string> {
  const eventId = `evt_${randomUUID()}`;
  await storeNotice(system, { provider: 'simulator', eventId, kind, orderId, key });
  await system.database.query(
    `UPDATE payments.payment_notices SET received_at = now() - interval '6 seconds' WHERE event_id = $1`,
    [eventId],
  );
  await sweep();
  return eventId;
}

async function sweep(): Promise<void> {
  await system.client.schedule.getHandle(NOTICE_SWEEP_SCHEDULE_ID).trigger();
}

it('A report of a further capture whose reply was lost opens no case: the capture is under way, looked up and booked', async () => {
  const orderId = await partlyCaptured();
  await system.setFaults({ resetAfterRate: 1 });
  await giveCommand(system, orderId, { route: 'capture' });
  await expect.poll(async () => (await system.ledger(orderId)).length).toBe(3);
  await system.setFaults({ resetAfterRate: 0 });
  await expect.poll(() => operationOf(`${orderId}:capture:2`)).toEqual([{ state: 'SUCCEEDED', amount: 3_500 }]);
  await expect
    .poll(() =>
      system.database.query(`SELECT FROM payments.payment_notices WHERE order_id = $1 AND state = 'RECEIVED'`, [
        orderId,
      ]),
    )
    .toEqual([]);
  expect(await casesOf(orderId)).toEqual([]);
});

it('A report of a further capture that comes before the books is judged again before a case opens', async () => {
  const orderId = await partlyCaptured();
  const eventId = await reported(orderId, 'charge_succeeded', `${orderId}:capture:2`);
  const handle = system.client.workflow.getHandle(noticeWorkflowId(orderId, { provider: 'simulator', eventId }));
  await expect.poll(async () => (await handle.describe().catch(() => null))?.status.name).toBe('RUNNING');
  await giveCommand(system, orderId, { route: 'capture' });
  await expect.poll(() => outcomeOf(eventId)).toBe('known');
  expect(await casesOf(orderId)).toEqual([]);
});

it('A report of a further capture has a case that closes itself when the books come to agree', async () => {
  const orderId = await partlyCaptured();
  const eventId = await reported(orderId, 'charge_succeeded', `${orderId}:capture:2`);
  expect(await openCaseOf(system, orderId)).toMatchObject({ step: 'judge-notice' });
  await giveCommand(system, orderId, { route: 'capture' });
  await expect
    .poll(
      async () => {
        await sweep();
        return casesOf(orderId);
      },
      { interval: 1_000 },
    )
    .toEqual([{ step: 'judge-notice', state: 'resolved', resolution: 'step_succeeded' }]);
  expect(await outcomeOf(eventId)).toBe('known');
});

it('Reports of one order do not wait for each other: a dispute is seen while another one waits for a person', async () => {
  const orderId = await partlyCaptured();
  const waiting = await reported(orderId, 'charge_succeeded', `${orderId}:authorize:2`);
  await openCaseOf(system, orderId);
  const dispute = await reported(orderId, 'disputed', null);
  for (const eventId of [waiting, dispute]) {
    const workflowId = noticeWorkflowId(orderId, { provider: 'simulator', eventId });
    const handle = system.client.workflow.getHandle(workflowId);
    await expect
      .poll(async () => (await handle.describe().catch(() => null))?.typedSearchAttributes.get(CASE_KIND))
      .toBe('judge-notice');
  }
  const { body } = await system.request<{ items: { input: { notice: { eventId: string } } }[] }>(
    `/v1/cases?state=open&orderId=${orderId}`,
  );
  expect(body.items.map(({ input }) => input.notice.eventId)).toContain(dispute);
});
