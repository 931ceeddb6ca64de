import { afterAll, beforeAll, expect, it } from 'vitest';
import { DatabaseUnavailableError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import { STEP_POLICIES, type StepName } from '../../src/workflows/steps/step-policies.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd, stockOf } from '../support/faults/evidence.ts';
import {
  createFaults,
  failAfter,
  failBefore,
  lateAnswer,
  lateEffect,
  twice,
  twiceAtOnce,
  type Fault,
} from '../support/faults/faults.ts';
import { replayErrors } from '../support/replays.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { STEP_SCENARIOS, type StepScenario } from '../support/faults/step-scenarios.ts';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

/** Beyond the local limit of every step, so that a regular attempt has begun when the late call continues. */
const LATE_MS = Math.max(...Object.values(STEP_POLICIES).map((policy) => policy.localTimeoutMs)) + 500;

/** The faults that may happen to a step. */
const FAULTS: Readonly<Record<string, (error: Error) => Fault>> = {
  'fails before its effect': (error) => failBefore(error),
  'fails after its effect': (error) => failAfter(error),
  'fails locally and again as a regular attempt, before its effect': (error) => failBefore(error, 2),
  'fails locally and again as a regular attempt, after its effect': (error) => failAfter(error, 2),
  'is given up and has its effect later': () => lateEffect(LATE_MS),
  'has its effect and answers too late': () => lateAnswer(LATE_MS),
  'has its effect twice': () => twice(),
  'has its effect twice at once': () => twiceAtOnce(),
};

interface Row {
  readonly step: StepName;
  readonly what: string;
  readonly scenario: StepScenario;
  readonly fault: Fault;
  /** A SKU that only this row uses, so that its stock figures are about the row alone. */
  readonly sku: string;
  readonly key: string;
  readonly orderId: string;
}

const MATRIX: readonly Row[] = (Object.keys(STEP_SCENARIOS) as StepName[])
  .flatMap((step) => Object.entries(FAULTS).map(([what, fault]) => ({ step, what, fault })))
  .map(({ step, what, fault }, index) => {
    const planned = plannedOrder();
    const sku = `SKU-${String(index + 1).padStart(4, '0')}`;
    return {
      step,
      what,
      scenario: STEP_SCENARIOS[step],
      fault: fault(errorOf(step, planned.orderId)),
      sku,
      ...planned,
    };
  });

/** The matrix takes seconds, unless the machine is busy with other things. */
const SLOW_MACHINE_MS = 600_000;

/** How many mails the customer gets: one for the sale, and one for its end. */
const MAILS: Partial<Record<OrderStatus, number>> = { CONFIRMED: 1, REFUNDED: 2, CANCELLED: 2, EXPIRED: 1 };

const ON_HAND_AT_START = 10_000;
const QUANTITY = 2;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
  for (const { orderId, step, scenario, fault } of MATRIX) {
    scenario.prepare(system, faults, orderId);
    faults.inject(orderId, step, fault as Fault<typeof step>);
  }
  await carryOut(MATRIX);
}, SLOW_MACHINE_MS);
afterAll(() => system.stop());

it('Every step of an order has a row in the matrix', () => {
  expect(Object.keys(STEP_SCENARIOS).toSorted()).toEqual(Object.keys(STEP_POLICIES).toSorted());
});

it.each(MATRIX)('A $step that $what leads to the same end', async ({ step, orderId, scenario, sku }) => {
  await faults.settled();
  await proveEnd(system, orderId, scenario.end);
  expect(faults.calls(orderId, step)).not.toEqual([]);
  const sold = scenario.end === 'CONFIRMED' || scenario.end === 'REFUNDED' ? QUANTITY : 0;
  expect(await stockOf(system, sku)).toEqual({ onHand: ON_HAND_AT_START - sold, reserved: 0 });
  await expect.poll(() => system.mails(orderId)).toHaveLength(scenario.mails ?? MAILS[scenario.end] ?? 0);
});

it.each(['holdStock', 'takePayment'] as const)(
  'A step is tried locally once, then by regular attempts: %s',
  USUAL_COURSE,
  async (step) => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, step, failBefore(errorOf(step, orderId), 2));
    await system.postOrder({}, key);
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(faults.calls(orderId, step).map(({ local }) => local)).toEqual([true, false, false]);
  },
);

it('A step leaves a history that another worker can go on from', async () => {
  expect(
    await replayErrors(
      system,
      MATRIX.map(({ orderId }) => orderWorkflowId(orderId)),
    ),
  ).toEqual([]);
});

it('A step that is retried leaves no case behind', async () => {
  const retried = MATRIX.filter(({ scenario }) => !scenario.opensCase);
  const cases = await system.database.query(
    `SELECT order_id, type FROM orders.order_events WHERE order_id = ANY($1) AND type LIKE 'case.%'`,
    [retried.map(({ orderId }) => orderId)],
  );
  expect(cases).toEqual([]);
});

/** Rows under way at once; more would only wait for this machine until their workflow tasks time out. */
const AT_ONCE = 16;

async function carryOut(rows: readonly Row[]): Promise<void> {
  const waiting = [...rows];
  const work = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const { method, capture, end, act } = row.scenario;
      const payment = capture === undefined ? {} : { body: { payment: { method, capture } } };
      const orderId = await system.postOrder({ method, sku: row.sku, quantity: QUANTITY, ...payment }, row.key);
      await act?.(system, orderId);
      await untilStatus(system, orderId, end).catch((error: unknown) => {
        throw new Error(`${row.step} that ${row.what}`, { cause: error });
      });
      await system.client.workflow.getHandle(orderWorkflowId(orderId)).result();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function errorOf(step: StepName, orderId: string): Error {
  return STEP_POLICIES[step].collaborator === 'payment'
    ? new PaymentOutcomeUnknownError(orderId, 'made so by a test')
    : new DatabaseUnavailableError('08006');
}
