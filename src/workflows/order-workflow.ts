import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ParentClosePolicy,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Refusal } from '../domain/order.ts';
import { NOTIFICATION_POLICY, SOFT_DECLINE_POLICY } from './activity-policies.ts';
import {
  CORRELATION_MEMO,
  notificationWorkflowId,
  resumeOrderSignal,
  type NotificationWorkflowInput,
  type OrderWorkflowInput,
  type OrderWorkflowResult,
} from './contract.ts';
import { notificationWorkflow } from './notification-workflow.ts';
import { createSaga, type Saga } from './saga.ts';
import { createSteps, failureOf, type Steps } from './step.ts';

/**
 * The story of one order, from its first row to its end.
 *
 * Every step answers from what is stored, so this function may run again from the top at any time (a crash, or a
 * signal that arrives while local steps run, makes the server forget them) and ends the same.
 *
 * Cancelling the workflow itself has no effect: an order is given up by a command that answers what will happen.
 */
export async function orderWorkflow(input: OrderWorkflowInput): Promise<OrderWorkflowResult> {
  const steps = createSteps(input);
  setHandler(resumeOrderSignal, steps.resume);
  return CancellationScope.nonCancellable(() => carry(input, steps));
}

async function carry(input: OrderWorkflowInput, steps: Steps): Promise<OrderWorkflowResult> {
  const { orderId, tenantId } = input;
  const opened = await steps.run('openOrder', {
    order: input,
    firstExecutionRunId: workflowInfo().firstExecutionRunId,
  });
  if (opened.kind === 'duplicate') return { status: 'DUPLICATE' };
  if (opened.status === 'CONFIRMED') {
    await notifyCustomer(input, opened.totalMinor);
    return ended(opened.status);
  }
  if (opened.status !== 'PENDING') return ended(opened.status);

  const saga = createSaga();
  const fulfilment =
    opened.refusal === null ? await fulfil(input, steps, saga) : resumeUnwinding(input, steps, saga, opened.refusal);
  if ('refusal' in fulfilment) {
    const refusal = await steps.run('recordRefusal', { orderId, refusal: fulfilment.refusal });
    await saga.unwind();
    await steps.run('rejectOrder', { orderId, tenantId, refusal });
    return ended('REJECTED');
  }

  const { totalMinor } = fulfilment;
  await Promise.all([steps.run('confirmOrder', { orderId, tenantId, totalMinor }), notifyCustomer(input, totalMinor)]);
  return ended('CONFIRMED');
}

type Fulfilment = { readonly totalMinor: number } | { readonly refusal: Refusal };

/** Holds, pays and commits; the pivot is passed when it returns a total. */
async function fulfil(input: OrderWorkflowInput, steps: Steps, saga: Saga): Promise<Fulfilment> {
  const { orderId, tenantId, request, settings } = input;
  const { currency, lines, expectedTotalMinor, paymentMethod: method } = request;
  const { holdTtlSeconds } = settings;

  saga.undoWith(() => releaseStock(input, steps));
  const hold = await steps.run('holdStock', { orderId, tenantId, currency, lines, expectedTotalMinor, holdTtlSeconds });
  if (hold.kind === 'refused') return hold;
  const { totalMinor } = hold;

  saga.undoWith(() => undoPayment(input, steps));
  const payment = await takePayment(steps, { orderId, tenantId, amountMinor: totalMinor, currency, method });
  if (payment.kind === 'declined') {
    return { refusal: { reason: 'payment_declined', details: { declineCode: payment.declineCode } } };
  }

  // The hold may have expired while the payment's outcome was unknown: then it is taken again.
  for (let commit = await steps.run('commitStock', { orderId, tenantId }); commit.kind === 'hold_lost';) {
    const retaken = await steps.run('retakeStock', { orderId, tenantId, holdTtlSeconds });
    if (retaken.kind === 'refused') return retaken;
    commit = await steps.run('commitStock', { orderId, tenantId });
  }
  return { totalMinor };
}

/** An earlier run decided to reject: what it may have done is undone by key, whatever this run remembers. */
function resumeUnwinding(input: OrderWorkflowInput, steps: Steps, saga: Saga, refusal: Refusal): Fulfilment {
  saga.undoWith(() => releaseStock(input, steps));
  saga.undoWith(() => undoPayment(input, steps));
  return { refusal };
}

async function releaseStock({ orderId, tenantId, request }: OrderWorkflowInput, steps: Steps): Promise<void> {
  await steps.run('releaseStock', { orderId, tenantId, lines: request.lines });
}

async function undoPayment({ orderId, tenantId, request }: OrderWorkflowInput, steps: Steps): Promise<void> {
  await steps.run('undoPayment', { orderId, tenantId, currency: request.currency });
}

/** A soft decline (funds, issuer unavailable) is asked again under the same key while the provider allows it. */
async function takePayment(
  steps: Steps,
  payment: Parameters<Activities['takePayment']>[0],
): Promise<Awaited<ReturnType<Activities['takePayment']>>> {
  for (let retries = 0; ; retries += 1) {
    const outcome = await steps.run('takePayment', payment);
    const final = outcome.kind !== 'declined' || !outcome.soft || retries >= SOFT_DECLINE_POLICY.retries;
    if (final) return outcome;
    await sleep(SOFT_DECLINE_POLICY.delayMs, { summary: 'Soft decline: ask again' });
  }
}

/** Tells the customer; a mail that cannot be sent at once is left to a child that outlives the order. */
async function notifyCustomer(input: OrderWorkflowInput, totalMinor: number | null): Promise<void> {
  const { orderId, tenantId, sealedContact, request, settings } = input;
  if (sealedContact === null || totalMinor === null) return;
  const template = 'order-confirmed';
  const content = { totalMinor, currency: request.currency, reference: request.reference };
  const message: NotificationWorkflowInput = { orderId, tenantId, template, sealedContact, content };
  if (settings.placement.notification === 'local' && (await sentAtOnce(message))) return;
  try {
    await startChild(notificationWorkflow, {
      args: [message],
      workflowId: notificationWorkflowId(orderId, template),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: input.correlationId },
      staticSummary: `Message ${template} of ${orderId}`,
    });
  } catch (error) {
    // An order that was reset finds its message on its way already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function sentAtOnce(message: NotificationWorkflowInput): Promise<boolean> {
  const { sendMessage } = proxyLocalActivities<Activities>({
    startToCloseTimeout: NOTIFICATION_POLICY.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: 'Tell the customer',
  });
  try {
    await sendMessage(message);
    return true;
  } catch (error) {
    failureOf(error);
    return false;
  }
}

function ended(status: OrderWorkflowResult['status']): OrderWorkflowResult {
  setCurrentDetails(`The order ended as **${status}**.`);
  return { status };
}
