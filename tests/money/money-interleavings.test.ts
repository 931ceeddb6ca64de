import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PaymentOutcomeUnknownError } from '../../src/domain/errors.ts';
import { ensureSweepSchedules } from '../../src/temporal/bootstrap.ts';
import { orderCommandWorkflowId, resumeOrderSignal } from '../../src/workflows/contract.ts';
import { evidenceOf, plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, failAfter, failBefore, twice, type Fault } from '../support/faults/faults.ts';
import { giveCommand, insistOn, untilStatus, untilUnowned } from '../support/faults/order-actions.ts';
import { auditOf } from '../support/audits.ts';
import { playScenarios } from '../support/interleavings.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

/**
 * Captures, refunds, cancels, retries and faults of the provider happen together on partly captured orders. A failing
 * case is printed with its seed and number: `MONEY_SEED=... MONEY_ONLY=number npx vitest run --project integration
 * tests/money/money-interleavings.test.ts` replays it; `MONEY_INTERLEAVINGS=500` plays 500 cases.
 */
const SEED = Number(process.env['MONEY_SEED'] ?? Date.now() % 1_000_000);
const ONLY = process.env['MONEY_ONLY'];
const SCENARIOS = Number(process.env['MONEY_INTERLEAVINGS'] ?? 60);
const AT_ONCE = 8;

const MONEY_STEPS = ['capturePayment', 'refundPayment', 'undoPayment', 'releaseAuthorization'] as const;

const scenario = fc.record({
  fault: fc.option(
    fc.record({
      step: fc.constantFrom(...MONEY_STEPS),
      kind: fc.constantFrom('before', 'after', 'twice'),
    }),
  ),
  commands: fc.array(
    fc.record({
      kind: fc.constantFrom('cancel', 'capture', 'capture', 'refunds', 'refunds', 'resume'),
      /** Null means everything that is left. */
      amountMinor: fc.option(fc.integer({ min: 1, max: 4_000 })),
      afterMs: fc.integer({ min: 0, max: 150 }),
      /** Whether a client that gets `order_busy` or `pending` repeats its key, or goes away. */
      insists: fc.boolean(),
    }),
    { minLength: 2, maxLength: 5 },
  ),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;
type Command = Scenario['commands'][number];

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
  // A command whose start had no answer from a busy Temporal is the sweep's.
  await ensureSweepSchedules(system.client);
});
afterAll(() => system.stop());

it(`An order that is captured in part has books, status and answers that agree, whatever is asked at once: ${SCENARIOS} scenarios, seed ${SEED}`, async () => {
  const plan = { scenario, seed: SEED, count: SCENARIOS, only: ONLY, atOnce: AT_ONCE };
  const failures = await playScenarios(plan, play);
  expect(failures).toEqual([]);

  const { violations } = await auditOf(system);
  expect(violations).toEqual([]);
}, 1_200_000);

async function play({ fault, commands }: Scenario): Promise<void> {
  const { key, orderId } = plannedOrder();
  await system.postOrder({ body: { payment: { method: 'pm_ok', capture: 'manual' } } }, key);
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
  await untilStatus(system, orderId, 'CONFIRMED');
  if (fault !== null) faults.inject(orderId, fault.step, faultOf(fault, orderId));

  const answers = await Promise.all(commands.map((command) => give(orderId, command)));
  await untilSettled(orderId);
  const { status } = await evidenceOf(system, orderId);
  if (status === null) throw new Error('the order has no row');
  const { operations } = await proveEnd(system, orderId, status);
  const isCancelled = answers.some(({ kind, decision }) => kind === 'cancel' && decision === 'will_refund');
  expect(status).toBe(isCancelled ? 'CANCELLED' : status);
  // An accepted amount was carried out, and only once.
  for (const { kind, decision, amountMinor } of answers) {
    if (decision !== 'accepted' || amountMinor === null || (kind !== 'capture' && kind !== 'refunds')) continue;
    const done = operations.filter((each) => each.kind === kind.replace('refunds', 'refund'));
    expect(done.map((each) => each.amountMinor)).toContain(amountMinor);
  }
}

interface Given extends Pick<Command, 'kind' | 'amountMinor'> {
  readonly decision: string | undefined;
}

async function give(orderId: string, { kind, amountMinor, afterMs, insists }: Command): Promise<Given> {
  await sleep(afterMs);
  if (kind === 'resume') {
    await resumeAll(orderId);
    return { kind, amountMinor, decision: undefined };
  }
  const command = { route: kind, ...(kind === 'cancel' || amountMinor === null ? {} : { amountMinor }) };
  const { body } = await (insists ? insistOn : giveCommand)(system, orderId, command);
  return { kind, amountMinor, decision: body.decision };
}

/** Presses retry like an operator in the Web UI. */
async function resumeAll(orderId: string): Promise<void> {
  const commands = await system.database.query<{ id: string }>(
    'SELECT command_id AS id FROM orders.order_commands WHERE order_id = $1 AND turn IS NOT NULL',
    [orderId],
  );
  const signals = commands.map(({ id }) =>
    system.client.workflow
      .getHandle(orderCommandWorkflowId(orderId, id))
      .signal(resumeOrderSignal)
      .catch(() => {}),
  );
  await Promise.all(signals);
}

function faultOf({ kind }: NonNullable<Scenario['fault']>, orderId: string): Fault<(typeof MONEY_STEPS)[number]> {
  const error = new PaymentOutcomeUnknownError(orderId, 'made so by a test');
  switch (kind) {
    case 'before':
      return failBefore(error, 2);
    case 'after':
      return failAfter(error, 2);
    case 'twice':
      return twice();
  }
}

/** Waits until no command owns the order, none waits for its turn, and nothing moves any more. */
async function untilSettled(orderId: string): Promise<void> {
  for (let calm = 0; calm < 3;) {
    await untilUnowned(system, orderId);
    const [row] = await system.database.query<{ version: number }>(
      'SELECT version FROM orders.orders WHERE order_id = $1',
      [orderId],
    );
    await sleep(100);
    const [later] = await system.database.query<{ version: number }>(
      'SELECT version FROM orders.orders WHERE order_id = $1 AND owner_command_id IS NULL',
      [orderId],
    );
    calm = later !== undefined && later.version === row?.version ? calm + 1 : 0;
  }
}
