import { createReservationRepository } from '../../db/repositories/reservation-repository.ts';
import type { StepName } from '../../src/workflows/activity-policies.ts';
import { afterEffect, givenUp, type Faults } from './faults.ts';
import type { TestSystem } from './system.ts';

/** A way an order may go, on which some step runs. */
export interface Way {
  readonly method: string;
  readonly end: 'CONFIRMED' | 'REJECTED';
  /** What must be injected before the order is posted. */
  readonly prepare: (system: TestSystem, faults: Faults, orderId: string) => void;
}

const HAPPY: Way = { method: 'pm_ok', end: 'CONFIRMED', prepare: () => {} };
const DECLINED: Way = { method: 'pm_declined', end: 'REJECTED', prepare: () => {} };

const CHARGED_AND_GIVEN_UP: Way = {
  method: 'pm_ok',
  end: 'REJECTED',
  prepare: (_, faults, orderId) => faults.inject(orderId, 'takePayment', givenUp()),
};

/** The hold expires and is swept after the payment, before the commit. */
const HOLD_EXPIRED: Way = {
  method: 'pm_ok',
  end: 'CONFIRMED',
  prepare: (system, faults, orderId) =>
    faults.inject(
      orderId,
      'takePayment',
      afterEffect(() => expireHold(system, orderId)),
    ),
};

/** For every step a way on which its effect is needed. */
export const STEP_WAYS: Readonly<Record<StepName, Way>> = {
  openOrder: HAPPY,
  holdStock: HAPPY,
  takePayment: HAPPY,
  commitStock: HAPPY,
  retakeStock: HOLD_EXPIRED,
  confirmOrder: HAPPY,
  recordRefusal: DECLINED,
  undoPayment: CHARGED_AND_GIVEN_UP,
  releaseStock: DECLINED,
  rejectOrder: DECLINED,
};

/** Lets the time of an order's hold run out, and sweeps it. */
export async function expireHold(system: TestSystem, orderId: string): Promise<void> {
  await makeHoldOverdue(system, orderId);
  await createReservationRepository(system.database.databases.inventory).expire('demo', orderId);
}

/** Lets the time of an order's hold run out; nothing has noticed it yet. */
export async function makeHoldOverdue(system: TestSystem, orderId: string): Promise<void> {
  await system.database.query(
    `UPDATE inventory.reservations SET expires_at = now() - interval '1 second' WHERE order_id = $1`,
    [orderId],
  );
}
