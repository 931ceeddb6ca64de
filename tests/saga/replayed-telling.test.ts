import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { DatabaseUnavailableError, MailUnavailableError } from '../../src/domain/errors.ts';
import { orderWorkflowId } from '../../src/workflows/contract.ts';
import { plannedOrder, proveEnd } from '../support/faults/evidence.ts';
import { createFaults, type ActivityName, type Fault } from '../support/faults/faults.ts';
import { replayErrors } from '../support/replays.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

const faults = createFaults();
let system: TestSystem;
beforeAll(async () => {
  // Nothing listens there: no text message is ever sent.
  const SMS_GATEWAY_URL = `http://127.0.0.1:${await findFreePort()}/messages`;
  const env = { ORDER_FAST_PATH: 'stepwise', SMS_GATEWAY_URL };
  system = await startTestSystem({ wrapActivities: faults.wrap, env });
});
afterAll(() => system.stop());

/** The local try fails after a time; later attempts are as usual. */
function failLocally<Name extends ActivityName>(error: Error, afterMs: number): Fault<Name> {
  return async (effect, { local }) => {
    if (!local) return effect();
    await sleep(afterMs);
    throw error;
  };
}

it.each([
  ['later', 0, 400],
  ['sooner', 400, 0],
])(
  'An order whose confirmation and mail both fail at first, the mail %s, replays',
  async (_, confirmationMs, mailMs) => {
    const { key, orderId } = plannedOrder();
    faults.inject(orderId, 'confirmOrder', failLocally(new DatabaseUnavailableError('53300'), confirmationMs));
    faults.inject(
      orderId,
      'sendMessage',
      failLocally(new MailUnavailableError('an order', 'made so by a test'), mailMs),
    );
    await system.postOrder({}, key);
    await proveEnd(system, orderId, 'CONFIRMED');
    await expect.poll(() => system.mails(orderId)).toHaveLength(1);
    expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
  },
);

it('An order whose mail fails at first, later than its text message does, replays', async () => {
  const { key, orderId } = plannedOrder();
  faults.inject(orderId, 'sendMessage', async (effect, { local, input: { channel } }) => {
    if (local && channel === 'email') await sleep(400);
    if (local) throw new MailUnavailableError('an order', 'made so by a test');
    return effect();
  });
  const body = { customer: { id: 'cust_42', email: 'ada@example.com', phone: '+493012345678' } };
  await system.postOrder({ body }, key);
  await proveEnd(system, orderId, 'CONFIRMED');
  await expect.poll(() => system.mails(orderId)).toHaveLength(1);
  expect(await replayErrors(system, [orderWorkflowId(orderId)])).toEqual([]);
});
