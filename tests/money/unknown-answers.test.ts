import { afterAll, beforeAll, expect, it } from 'vitest';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, type ActivityName, type Fault } from '../support/faults/faults.ts';
import { giveCommand, untilStatus } from '../support/faults/order-actions.ts';
import { orderBody, startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ wrapActivities: faults.wrap });
});
afterAll(() => system.stop());

/** Answers once like a worker of a newer build, without any effect. */
function answersLikeTheNext<Name extends ActivityName>(): Fault<Name> {
  return async (effect, { number }) => {
    if (number > 1) return effect();
    return { kind: 'of_the_next_version' } as unknown as Awaited<ReturnType<typeof effect>>;
  };
}

it.each(['holdStock', 'takePayment', 'commitStock'] as const)(
  'An answer of %s that this build does not know is never taken for a success: the order waits for one that it knows',
  async (step) => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, step, answersLikeTheNext());
    await system.postOrder({}, key);
    await proveEnd(system, orderId, 'CONFIRMED');
    expect(faults.calls(orderId, step).length).toBeGreaterThan(1);
  },
);

it('An answer to the capture of an authorization that this build does not know is never taken for a success', async () => {
  const { payment } = orderBody();
  const orderId = await system.postOrder({ body: { payment: { ...payment, capture: 'manual' } } });
  await untilStatus(system, orderId, 'AWAITING_CAPTURE');
  faults.inject(orderId, 'capturePayment', answersLikeTheNext());
  await giveCommand(system, orderId, { route: 'capture' });
  const { ledger } = await proveEnd(system, orderId, 'CONFIRMED');
  expect(ledger.map(({ kind }) => kind)).toEqual(['authorize', 'capture']);
});

it('An answer to a cancel that this build does not know gives nothing up', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'takePayment', async (effect, { local }) => {
    if (local) throw new TypeError('made so by a test');
    return effect();
  });
  faults.inject(orderId, 'decideCommand', async (effect, { number }) => {
    if (number > 1) return effect();
    return { decision: 'of_the_next_version', turn: null, generation: null, amountMinor: null } as never;
  });
  await system.postOrder({}, key);
  await untilStatus(system, orderId, 'PENDING');
  await giveCommand(system, orderId, { route: 'cancel' });
  await proveEnd(system, orderId, 'CANCELLED');
  expect(faults.calls(orderId, 'decideCommand').length).toBeGreaterThan(1);
});
