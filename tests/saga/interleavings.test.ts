import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DatabaseUnavailableError, PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import type { OrderStatus } from '../../src/domain/order-status.ts';
import { STEP_POLICIES, type StepName } from '../../src/workflows/steps/step-policies.ts';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { orderWorkflowId, resumeOrderSignal } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { afterEffect, createFaults, failAfter, failBefore, twice, type Fault } from '../support/faults/faults.ts';
import { insistOn } from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { playScenarios } from '../support/interleavings.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/**
 * Orders with generated combinations of faults, commands and signals. A failing case is printed with its seed and
 * number (500 cases: `INTERLEAVINGS=500`): `INTERLEAVING_SEED=... INTERLEAVING_ONLY=number npx vitest run
 * tests/saga/interleavings.test.ts` replays it.
 */
const SEED = Number(process.env['INTERLEAVING_SEED'] ?? Date.now() % 1_000_000);
const ONLY = process.env['INTERLEAVING_ONLY'];
const SCENARIOS = Number(process.env['INTERLEAVINGS'] ?? 120);
const AT_ONCE = 12;

const FAULTED_STEPS = ['openOrder', 'holdStock', 'takePayment', 'commitStock', 'confirmOrder', 'releaseStock'] as const;

const scenario = fc.record({
  method: fc.constantFrom('pm_ok', 'pm_ok', 'pm_declined', 'pm_lost_reply'),
  manual: fc.boolean(),
  fault: fc.option(
    fc.record({
      step: fc.constantFrom(...FAULTED_STEPS),
      kind: fc.constantFrom('before', 'after', 'twice'),
    }),
  ),
  /** Commands, each given when a step's effect has just happened, or after a number of milliseconds. */
  commands: fc.array(
    fc.record({
      kind: fc.constantFrom('cancel', 'cancel', 'capture', 'refunds', 'resume'),
      when: fc.oneof(fc.constantFrom(...FAULTED_STEPS), fc.integer({ min: 0, max: 120 })),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

const ENDS: readonly OrderStatus[] = ['CONFIRMED', 'REJECTED', 'CANCELLED', 'PARTIALLY_REFUNDED', 'REFUNDED'];

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
  // A command whose start had no answer from a busy Temporal is the sweep's.
  await ensureSweepSchedules(system.client);
});
afterAll(() => system.stop());

it(`An order ends as its answers have promised, whatever falls together: ${SCENARIOS} scenarios, seed ${SEED}`, async () => {
  const plan = { scenario, seed: SEED, count: SCENARIOS, only: ONLY, atOnce: AT_ONCE };
  const failures = await playScenarios(plan, play);
  expect(failures).toEqual([]);

  const { violations } = await auditOf(system);
  expect(violations).toEqual([]);
}, 1_200_000);

async function play({ method, manual, fault, commands }: Scenario): Promise<void> {
  const { key, orderId } = plannedOrder();
  const given: Promise<readonly [string, string | undefined]>[] = [];
  const give = (kind: Scenario['commands'][number]['kind']): void => {
    if (kind === 'resume') {
      void system.client.workflow
        .getHandle(orderWorkflowId(orderId))
        .signal(resumeOrderSignal)
        .catch(() => {});
      return;
    }
    const command = { route: kind, ...(kind === 'refunds' ? { amountMinor: 1 } : {}) };
    given.push(insistOn(system, orderId, command).then(({ body }) => [kind, body.decision]));
  };
  for (const { kind, when } of commands) {
    if (typeof when === 'string')
      faults.inject(
        orderId,
        when,
        afterEffect(() => once(() => give(kind))),
      );
    else void sleep(when).then(() => give(kind));
  }
  if (fault !== null) faults.inject(orderId, fault.step, faultOf(fault, orderId));

  await system.postOrder({ method, body: { payment: { method, capture: manual ? 'manual' : 'automatic' } } }, key);
  const timed = commands.filter(({ kind, when }) => kind !== 'resume' && typeof when === 'number').length;
  const status = await settle(orderId, given, timed);
  const decisions = await Promise.all(given);
  const promised = decisions.filter(([, decision]) => decision === 'will_cancel' || decision === 'will_refund');
  expect(promised.length === 0 || status === 'CANCELLED', `${status}, promised ${String(promised)}`).toBe(true);
  await proveEnd(system, orderId, status);
}

function faultOf({ step, kind }: NonNullable<Scenario['fault']>, orderId: string): Fault<StepName> {
  const error =
    STEP_POLICIES[step].collaborator === 'payment'
      ? new PaymentOutcomeUnknownError(orderId, 'made so by a test')
      : new DatabaseUnavailableError('08006');
  switch (kind) {
    case 'before':
      return failBefore(error);
    case 'after':
      return failAfter(error);
    case 'twice':
      return twice();
  }
}

function once(act: () => void): Promise<void> {
  act();
  return Promise.resolve();
}

/** A system that stands still is told of; one that is slow is waited for. */
const SLOW_MACHINE_MS = 280_000;

/** Waits until nothing moves any more; an order that awaits its capture and has no command left is captured. */
async function settle(orderId: string, given: readonly Promise<unknown>[], expected: number): Promise<OrderStatus> {
  const deadline = Date.now() + SLOW_MACHINE_MS;
  for (let calm = 0; ;) {
    await sleep(60);
    const seen = given.length;
    await Promise.all(given);
    const [row] = await system.database.query<{ status: OrderStatus }>(
      'SELECT status FROM orders.orders WHERE order_id = $1',
      [orderId],
    );
    const status = row?.status ?? 'PENDING';
    calm = ENDS.includes(status) && seen >= expected && seen === given.length ? calm + 1 : 0;
    if (calm >= 4) return status;
    if (status === 'AWAITING_CAPTURE') await insistOn(system, orderId, { route: 'capture' });
    if (Date.now() > deadline) throw new Error(`${orderId} is still ${status}`);
  }
}
