import { setHandler } from '@temporalio/workflow';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { OrderOwnership } from '../../domain/command.ts';
import type { Refusal } from '../../domain/order.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { MoneySums } from '../../domain/payments/payment.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  resolveCaseUpdate,
  resumeOrderSignal,
} from '../contract.ts';
import type { FastPath } from '../steps/outcome.ts';
import { createSaga, type Saga } from '../steps/saga.ts';
import { createSteps, type OnConflict, type Steps } from '../steps/step-runner.ts';
import { createOrderCommands, type OrderCommands } from './command-mailbox.ts';
import { createFastPath } from './fast-path.ts';

/** Everything that the steps of one order share. */
export interface OrderContext {
  readonly input: OrderWorkflowInput;
  readonly steps: Steps;
  readonly commands: OrderCommands;
  readonly saga: Saga;
  readonly fastPath: FastPath;
  /** Set from the first call to the payment provider on: a cancel must then promise that money may be given back. */
  mayBeCharged: boolean;
  /**
   * Before the point of no return a conflict is compared with the stored order; if that does not explain it, a case
   * opens.
   */
  onConflict: OnConflict;
  /** The command that owns the order, or the decision that the order expires; null until there is one. */
  owner: Ownership | null;
  /** The capture that sells the order, for manual capture. */
  capture: OrderOwnership | null;
  /** The sums after the payment was undone; null when a worker of an earlier version undid it. */
  money: MoneySums | null;
}

/** The owner of the order's money right now. The decision that an order expires is not a command and has no id. */
export type Ownership = Pick<OrderOwnership, 'turn' | 'generation'> & { readonly commandId: string | null };

/** The result of the sale. */
export type SaleResult =
  | { readonly kind: 'paid'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'cancelled' | 'expired' }
  /** An earlier run, which the server has forgotten, has brought the order to its end. */
  | { readonly kind: 'ended'; readonly status: OrderStatus; readonly totalMinor: number | null };

/** Sets up what the steps of one order need, and the handlers of all Updates and signals of its workflow. */
export function createOrderContext(input: OrderWorkflowInput): OrderContext {
  const fastPath = createFastPath(input);
  const steps = createSteps(input, fastPath);
  const commands = createOrderCommands();
  setHandler(resumeOrderSignal, steps.resume);
  setHandler(resolveCaseUpdate, steps.resolve, { validator: steps.check });
  setHandler(cancelOrderSignal, (command) => commands.note({ ...command, kind: 'cancel', amountMinor: null }));
  setHandler(cancelOrderUpdate, (command) => commands.ask({ ...command, kind: 'cancel', amountMinor: null }), {
    validator: commands.check,
  });
  setHandler(capturePaymentSignal, (command) => commands.note({ ...command, kind: 'capture' }));
  setHandler(capturePaymentUpdate, (command) => commands.ask({ ...command, kind: 'capture' }), {
    validator: commands.check,
  });
  return {
    input,
    steps,
    commands,
    saga: createSaga(),
    fastPath,
    mayBeCharged: false,
    onConflict: 'throw',
    owner: null,
    capture: null,
    money: { capturedMinor: 0, refundedMinor: 0 },
  };
}
