import { CancellationScope, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { assertNever } from '../domain/errors.ts';
import { isTerminal, type OrderStatus } from '../domain/order-status.ts';
import { undoEverything, type Carriage, type Fulfilment } from './order/order-context.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  resolveCaseUpdate,
  resumeOrderSignal,
  type OrderWorkflowResult,
} from './contract.ts';
import type { OrderWorkflowInput } from '../domain/accepted-order.ts';
import { createFirstPass } from './order/fast-path.ts';
import { awaitCapture } from './order/capturing.ts';
import { fulfil } from './order/fulfillment.ts';
import { untilGivenUp } from './order/cancellation.ts';
import { answerTheRest } from './order/unanswered-commands.ts';
import { tellEnd } from './order/notify-customer.ts';
import { createOrderCommands } from './order/command-mailbox.ts';
import { createSaga } from './steps/saga.ts';
import { createSteps, StepConflictError } from './steps/step-runner.ts';
import { openingOf } from './order/step-inputs.ts';
import { carryOut, expire, followStored } from './order/stored-order.ts';

/**
 * The story of one order, from its first row to its end.
 *
 * Every step answers from what is stored, so this function may run again from the top at any time (a crash, or a
 * signal that arrives while local steps run, makes the server forget them) and ends the same.
 *
 * Cancelling the workflow itself has no effect: an order is given up by a command that answers what will happen.
 */
export async function orderWorkflow(input: OrderWorkflowInput): Promise<OrderWorkflowResult> {
  const firstPass = createFirstPass(input);
  const steps = createSteps(input, firstPass);
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
  return CancellationScope.nonCancellable(async () => {
    const ways = { judgesConflicts: true };
    const mayBeCharged = await firstPass.run();
    const unowned = { owner: null, capture: null, money: { capturedMinor: 0, refundedMinor: 0 } };
    const result = await carry({
      input,
      steps,
      commands,
      saga: createSaga(),
      firstPass,
      mayBeCharged,
      ways,
      ...unowned,
    });
    await answerTheRest({ input, steps, commands }, result.status);
    setCurrentDetails(`The order ended as **${result.status}**.`);
    return result;
  });
}

async function carry(carriage: Carriage): Promise<OrderWorkflowResult> {
  const { input, steps } = carriage;
  const opened = await steps.run('openOrder', openingOf(input));
  if (opened.kind === 'duplicate') return { status: 'DUPLICATE' };
  if (opened.kind !== 'open') return assertNever(opened);
  // What has moved a sold order since is carried by settle workflows.
  const ended = opened.status === 'CONFIRMED' || opened.wasSold === true ? 'CONFIRMED' : opened.status;
  if (ended === 'CONFIRMED' || isTerminal(ended)) {
    // The run that brought it there may have been forgotten before it told anybody.
    await tellEnd(carriage, ended, opened.totalMinor);
    return { status: ended };
  }
  return { status: await finish(carriage, await proceed(carriage, opened)) };
}

/** Brings an order to the end that was decided; a conflict shows that an earlier run has decided otherwise. */
async function finish(carriage: Carriage, fulfilment: Fulfilment): Promise<OrderStatus> {
  const { input, steps, ways, capture } = carriage;
  const { orderId, tenantId } = input;
  switch (fulfilment.kind) {
    case 'paid': {
      const { totalMinor } = fulfilment;
      const byHand = capture === null ? {} : { capture };
      const confirmed = steps.run('confirmOrder', { orderId, tenantId, totalMinor, ...byHand }, ways);
      const told = tellEnd(carriage, 'CONFIRMED', totalMinor);
      try {
        await Promise.all([confirmed, told]);
        return 'CONFIRMED';
      } catch (error) {
        if (!(error instanceof StepConflictError)) throw error;
        await told;
        ways.judgesConflicts = false;
        return finish(carriage, (await followStored(carriage)) ?? fulfilment);
      }
    }
    case 'refused':
    case 'cancelled':
    case 'expired':
      return carriage.commands.uninterrupted(() => giveBackOrFollow(carriage, fulfilment));
    case 'ended':
      await tellEnd(carriage, fulfilment.status, fulfilment.totalMinor);
      return fulfilment.status;
  }
}

/** What a run that was forgotten has given back belongs to whoever has come to own the order since. */
async function giveBackOrFollow(carriage: Carriage, fulfilment: GivenUp): Promise<OrderStatus> {
  const { ways } = carriage;
  try {
    return await giveBack(carriage, fulfilment);
  } catch (error) {
    if (!(error instanceof StepConflictError)) throw error;
    ways.judgesConflicts = false;
    return finish(carriage, (await followStored(carriage)) ?? fulfilment);
  }
}

/** Everything is given back before the status says so. */
async function giveBack(carriage: Carriage, fulfilment: GivenUp): Promise<OrderStatus> {
  const { input, steps, saga, ways } = carriage;
  const { orderId, tenantId } = input;
  await saga.unwind();
  const told = carriage.money === null ? {} : { data: { ...carriage.money } };
  if (fulfilment.kind === 'refused') {
    await steps.run('rejectOrder', { orderId, tenantId, refusal: fulfilment.refusal, ...told }, ways);
    return 'REJECTED';
  }
  const to = fulfilment.kind === 'cancelled' ? 'CANCELLED' : 'EXPIRED';
  const ownerId = carriage.owner?.commandId ?? null;
  const owned = ownerId === null ? {} : { ownerId };
  await steps.run('settleOrder', { orderId, tenantId, to, ...owned, ...told }, ways);
  await tellEnd(carriage, to);
  return to;
}

type GivenUp = Extract<Fulfilment, { kind: 'refused' | 'cancelled' | 'expired' }>;

type Opened = Extract<Awaited<ReturnType<Activities['openOrder']>>, { kind: 'open' }>;

/** Goes on from the stored status; an earlier run that decided to give the order up is followed, whatever is remembered. */
async function proceed(carriage: Carriage, opened: Opened): Promise<Fulfilment> {
  if (opened.refusal === null && opened.status === 'PENDING') return untilGivenUp(carriage, () => fulfil(carriage));
  undoEverything(carriage);
  carriage.mayBeCharged = true;
  const { status, refusal, totalMinor, captureBy, owner = null } = opened;
  carriage.owner = owner;
  if (refusal !== null) return status === 'AWAITING_CAPTURE' ? expire(carriage, null) : { kind: 'refused', refusal };
  if (status === 'CANCELLING' || totalMinor === null || captureBy == null) return { kind: 'cancelled' };
  if (owner !== null) return carryOut(carriage, totalMinor, owner);
  return untilGivenUp(carriage, () => awaitCapture(carriage, totalMinor, captureBy));
}
