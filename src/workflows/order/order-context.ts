import { setHandler } from '@temporalio/workflow';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  resolveCaseUpdate,
  resumeOrderSignal,
  type OrderWorkflowResult,
} from '../contract.ts';
import { createParking } from '../steps/parking.ts';
import { createSaga, type Saga } from '../steps/saga.ts';
import { createStepReports } from '../steps/step-reports.ts';
import { createSteps, type Steps } from '../steps/step-runner.ts';
import { runCancellable } from './cancellation.ts';
import { createCapture } from './capture.ts';
import { createOrderCommands, type OrderCommands } from './command-mailbox.ts';
import { createCompensations, type Compensations } from './compensations.ts';
import { createFastPath } from './fast-path.ts';
import { createOrderMessages } from './notify-customer.ts';
import type { OrderState, SaleResult } from './order-state.ts';
import { createRecovery, type Recovery } from './recovery.ts';
import { resumeOrder } from './resume-order.ts';
import { runOrder } from './run-order.ts';
import { createSaleSteps, type OpenedOrder, type SaleSteps } from './sale-steps.ts';
import { createStepInputs } from './step-inputs.ts';

/** Everything that the workflow of one order tells its sale with. */
export interface OrderContext {
  readonly saga: Saga;
  readonly sale: SaleSteps;
  readonly undo: Compensations;
  readonly followConflict: Recovery['followConflict'];
  /** Runs the whole order, and answers the commands that are left at its end. */
  run(work: () => Promise<OrderWorkflowResult['status']>): Promise<OrderWorkflowResult>;
  /** Runs the part of the order that a cancel may interrupt. */
  cancellable(work: () => Promise<SaleResult>): Promise<SaleResult>;
  /** Runs a part that no command may interrupt. */
  uninterrupted: OrderCommands['uninterrupted'];
  /** Continues an order that an earlier run has begun or ended. */
  resume(opened: Extract<OpenedOrder, { kind: 'begun' | 'ended' }>): Promise<SaleResult>;
  /** Keeps an authorized order until it is captured. */
  captureLater(totalMinor: number): Promise<SaleResult>;
  /** Tells the customer how the order has ended. */
  tellCustomer(status: OrderStatus, totalMinor: number | null): Promise<void>;
}

/** Sets up what the workflow of one order needs, and the handlers of all its Updates and signals. */
export function createOrderContext(input: OrderWorkflowInput): OrderContext {
  const reports = createStepReports();
  const messages = createOrderMessages(input, reports);
  const inputs = createStepInputs(input);
  const fastPath = createFastPath(input.settings, inputs, messages);
  const steps = createSteps(input, { parking: createParking(input), reports, fastPath });
  const commands = createOrderCommands();
  setHandlers(steps, commands);
  const order: OrderState = {
    input,
    steps,
    commands,
    saga: createSaga(),
    mayBeCharged: false,
    onConflict: 'throw',
    owner: null,
    capture: null,
    money: { capturedMinor: 0, refundedMinor: 0 },
  };
  const undo = createCompensations(order);
  const sale = createSaleSteps(order, inputs);
  const recovery = createRecovery({ order, sale, undo });
  const capture = createCapture({ order, recovery });
  const cancellable: OrderContext['cancellable'] = (work) => runCancellable({ order, recovery, undo }, work);
  return {
    saga: order.saga,
    sale,
    undo,
    followConflict: recovery.followConflict,
    run: (work) => runOrder(order, { fastPath, reports }, work),
    cancellable,
    uninterrupted: commands.uninterrupted,
    resume: (opened) => resumeOrder({ order, undo, recovery, capture, cancellable }, opened),
    captureLater: capture.captureLater,
    tellCustomer: (status, totalMinor) => messages.tellEnd(status, totalMinor, fastPath),
  };
}

function setHandlers(steps: Steps, commands: OrderCommands): void {
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
}
