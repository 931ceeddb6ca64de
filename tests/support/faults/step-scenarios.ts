import { PaymentContractError } from '../../../src/domain/errors.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type { NoticeWorkflowInput } from '../../../src/domain/payments/payment-notice.ts';
import type { StepName } from '../../../src/workflows/steps/step-policies.ts';
import { NOTICE_WORKFLOW, noticeWorkflowId } from '../../../src/workflows/contract.ts';
import { afterEffect, failBefore, givenUp, type Faults } from './faults.ts';
import type { TestSystem } from '../system.ts';
import {
  chargeAtProvider,
  expireHold,
  giveCommand,
  moveAtProvider,
  resolveCase,
  storeNotice,
  untilStatus,
  untilUnowned,
} from './order-actions.ts';

/** The course of an order in which some step runs. */
export interface StepScenario {
  readonly method: string;
  readonly capture?: 'manual';
  readonly end: OrderStatus;
  /** Whether an operator is needed. */
  readonly opensCase?: true;
  /** The number of mails to the customer, if it does not follow from the end. */
  readonly mails?: number;
  /** Injects faults before the order is posted. */
  readonly prepare: (system: TestSystem, faults: Faults, orderId: string) => void;
  /** Acts of clients and operators after the order was posted. */
  readonly act?: (system: TestSystem, orderId: string) => Promise<void>;
}

const HAPPY: StepScenario = { method: 'pm_ok', end: 'CONFIRMED', prepare: () => {} };
const DECLINED: StepScenario = { method: 'pm_declined', end: 'REJECTED', prepare: () => {} };

const CHARGED_AND_GIVEN_UP: StepScenario = {
  method: 'pm_ok',
  end: 'REJECTED',
  prepare: (_, faults, orderId) => faults.inject(orderId, 'takePayment', givenUp()),
};

/** The hold expires and is swept after the payment, before the commit. */
const HOLD_EXPIRED: StepScenario = {
  method: 'pm_ok',
  end: 'CONFIRMED',
  prepare: (system, faults, orderId) =>
    faults.inject(
      orderId,
      'takePayment',
      afterEffect(() => expireHold(system, orderId)),
    ),
};

const CAPTURED_BY_HAND: StepScenario = {
  ...HAPPY,
  capture: 'manual',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture' });
  },
};

const REFUNDED: StepScenario = {
  ...HAPPY,
  end: 'REFUNDED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds' });
  },
};

const CANCELLED_AFTER_SALE: StepScenario = {
  ...HAPPY,
  end: 'CANCELLED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'cancel' });
  },
};

/** A part is captured, then more. */
const CAPTURED_IN_PARTS: StepScenario = {
  ...HAPPY,
  capture: 'manual',
  mails: 2,
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'capture' });
    await untilUnowned(system, orderId);
  },
};

/** A part is captured and paid back; the rest can no longer be captured. */
const PAID_BACK_IN_PART: StepScenario = {
  ...HAPPY,
  capture: 'manual',
  end: 'REFUNDED',
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'refunds' });
  },
};

/** The provider refuses a further capture, and an operator abandons it. */
const CAPTURE_ABANDONED: StepScenario = {
  ...CAPTURED_IN_PARTS,
  opensCase: true,
  mails: 1,
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'capturePayment', async (effect, { input }) => {
      if (input.generation > 1) throw new PaymentContractError(orderId, 'made so');
      return effect();
    }),
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'AWAITING_CAPTURE');
    await giveCommand(system, orderId, { route: 'capture', amountMinor: 1_000 });
    await untilStatus(system, orderId, 'CONFIRMED');
    await giveCommand(system, orderId, { route: 'capture' });
    await resolveCase(system, orderId, { action: 'abort' });
    await untilUnowned(system, orderId);
  },
};

/** The time for a capture is over at once. */
const NOT_CAPTURED: StepScenario = {
  ...HAPPY,
  capture: 'manual',
  end: 'EXPIRED',
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'awaitCapture', async (effect) => {
      await effect();
      return { captureBy: new Date(Date.now() + 300).toISOString() };
    }),
};

/** The first method cannot be used: an operator takes another one. */
const OTHER_METHOD: StepScenario = {
  ...HAPPY,
  opensCase: true,
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'takePayment', failBefore(new PaymentContractError(orderId, 'made so'))),
  act: async (system, orderId) => {
    await resolveCase(system, orderId, { action: 'retryWith', patch: { method: 'pm_ok' } });
  },
};

/** The card is closed: two operators prove that the money was paid back by a bank. */
const PAID_BACK_OUTSIDE: StepScenario = {
  ...REFUNDED,
  opensCase: true,
  method: 'pm_refund_fails',
  act: async (system, orderId) => {
    await REFUNDED.act?.(system, orderId);
    await resolveCase(system, orderId, { action: 'forceResolve', evidence: 'bank-1' });
    await resolveCase(system, orderId, { action: 'forceResolve', evidence: 'bank-1', actor: 'second@example.com' });
  },
};

/** The order is refused before any payment was sent; then unrequested money arrives, and the provider reports it. */
const CHARGED_LATE: StepScenario = {
  method: 'pm_ok',
  end: 'REJECTED',
  prepare: (_, faults, orderId) =>
    faults.inject(orderId, 'holdStock', () =>
      Promise.resolve({ kind: 'refused', refusal: { reason: 'out_of_stock', details: null } }),
    ),
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'REJECTED');
    const key = `${orderId}:sale:1`;
    await chargeAtProvider(system, { orderId, key });
    const notice = { provider: 'simulator', eventId: `evt_${orderId}` } as const;
    await storeNotice(system, { ...notice, kind: 'charge_succeeded', orderId, key });
    const { orderSettings: settings } = system.config;
    const input: NoticeWorkflowInput = { notice, orderId, tenantId: 'demo', correlationId: 'a-test', settings };
    await system.client.workflow.execute(NOTICE_WORKFLOW, {
      workflowId: noticeWorkflowId(orderId, notice),
      taskQueue: 'orders',
      args: [input],
    });
  },
};

/** The whole amount was paid back in the provider's dashboard. */
const REFUNDED_AT_PROVIDER: StepScenario = {
  ...HAPPY,
  end: 'REFUNDED',
  mails: 1,
  act: async (system, orderId) => {
    await untilStatus(system, orderId, 'CONFIRMED');
    await moveAtProvider(system, 'refund', { chargeKey: `${orderId}:sale:1` });
    await giveCommand(system, orderId, { route: 'payments/reconcile' });
  },
};

/** For every step a course in which its effect is needed. */
export const STEP_SCENARIOS: Readonly<Record<StepName, StepScenario>> = {
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
  extendHold: CAPTURED_BY_HAND,
  awaitCapture: CAPTURED_BY_HAND,
  capturePayment: CAPTURED_BY_HAND,
  abandonCapture: CAPTURE_ABANDONED,
  releaseAuthorization: PAID_BACK_IN_PART,
  recordExpiry: NOT_CAPTURED,
  endCommand: CAPTURED_IN_PARTS,
  decideCommand: CANCELLED_AFTER_SALE,
  closeCommand: CANCELLED_AFTER_SALE,
  readOrder: REFUNDED,
  readMoney: REFUNDED,
  refundPayment: REFUNDED,
  findExternal: REFUNDED_AT_PROVIDER,
  adoptExternal: REFUNDED_AT_PROVIDER,
  abandonCharge: OTHER_METHOD,
  recordEvidence: PAID_BACK_OUTSIDE,
  judgeNotice: CHARGED_LATE,
  returnCharge: CHARGED_LATE,
};
