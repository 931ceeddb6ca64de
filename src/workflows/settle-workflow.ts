import { CancellationScope, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { CommandDecision } from '../domain/command.ts';
import { releaseStock, undoPayment } from './carriage.ts';
import {
  resolveCaseUpdate,
  resumeOrderSignal,
  type SettleWorkflowInput,
  type SettleWorkflowResult,
} from './contract.ts';
import { notifyCustomer } from './notify-customer.ts';
import { createSteps, type Steps } from './step.ts';

/**
 * Carries out what is asked of an order after its own workflow has closed: a cancel within the window, a refund, a
 * further capture, or the repair of an order whose workflow was terminated. Commands of one order take turns by the
 * guarded write of its row: whoever does not get it answers and ends.
 */
export async function settleWorkflow(input: SettleWorkflowInput): Promise<SettleWorkflowResult> {
  const steps = createSteps(input);
  setHandler(resumeOrderSignal, steps.resume);
  setHandler(resolveCaseUpdate, steps.resolve, { validator: steps.check });
  return CancellationScope.nonCancellable(async () => {
    const decision = await settle(input, steps);
    setCurrentDetails(`The ${input.kind} ended as **${decision}**.`);
    return { decision };
  });
}

function settle(input: SettleWorkflowInput, steps: Steps): Promise<CommandDecision> {
  switch (input.kind) {
    case 'cancel':
      return cancel(input, steps);
    case 'refund':
      return refund(input, steps);
    case 'capture':
      return capture(input, steps);
    case 'repair':
      return repair(input, steps);
  }
}

type CommandRule = Parameters<Activities['decideCommand']>[0]['rule'];

function commandOf(input: SettleWorkflowInput, kind: 'cancel' | 'refund' | 'capture', amountMinor: number | null) {
  const { orderId, tenantId, command } = input;
  return { ...command, orderId, tenantId, kind, amountMinor };
}

/** Cancels a sold order: the money goes back, then the goods. */
async function cancel(input: SettleWorkflowInput, steps: Steps): Promise<CommandDecision> {
  const { settings } = input;
  const rule: CommandRule = {
    from: ['CONFIRMED', 'PARTIALLY_REFUNDED'],
    to: 'CANCELLING',
    eventType: 'order.cancelling',
    allowed: 'will_refund',
    refused: 'too_late',
    ...(settings.cancelWindowSeconds === undefined ? {} : { windowSeconds: settings.cancelWindowSeconds }),
  };
  const decided = await steps.run('decideCommand', { command: commandOf(input, 'cancel', null), rule });
  // Without a generation another cancel was first, and is carried out by its own workflow. With one it is this cancel's
  // to do, also when the order's own workflow had promised it and was terminated.
  if (decided === null || decided.decision === 'too_late' || decided.generation === null) {
    return decided?.decision ?? 'too_late';
  }
  await endAsCancelled(input, steps, decided.generation);
  return decided.decision;
}

/** Refunds of one order take turns; one that is parked may keep the others waiting for days. */
const TURN_WAIT_MS = { first: 200, longest: 600_000 } as const;

/** Versions count from 1. */
const NO_VERSION = 0;

/** Pays (a part of) the money back; what was judged is what is decided, because the version is part of the decision. */
async function refund(input: SettleWorkflowInput, steps: Steps): Promise<CommandDecision> {
  const { orderId, tenantId, request } = input;
  const { currency } = request;
  for (let waitMs: number = TURN_WAIT_MS.first; ;) {
    const { status, version } = await steps.run('readOrder', { orderId, tenantId });
    const { capturedMinor, refundedMinor } = await steps.run('readMoney', { orderId, tenantId });
    const leftMinor = capturedMinor - refundedMinor;
    const amountMinor = input.amountMinor ?? leftMinor;
    const exceeds = amountMinor > leftMinor || amountMinor <= 0;
    const decided = await steps.run('decideCommand', {
      command: commandOf(input, 'refund', Math.max(1, amountMinor)),
      rule: {
        from: exceeds ? [] : ['CONFIRMED', 'PARTIALLY_REFUNDED'],
        // A refund that is too large leads nowhere: no order that was asked for one is ever PENDING.
        to: exceeds ? 'PENDING' : 'REFUNDING',
        eventType: 'order.refunding',
        allowed: 'accepted',
        refused: exceeds ? 'amount_exceeds_captured' : 'too_late',
        // While a refund is under way nothing new is decided; if it is this one, it goes on.
        version: status === 'REFUNDING' ? NO_VERSION : version,
      },
    });
    if (decided === null) {
      // The order moved between the look and the decision, or another refund has its turn: look again.
      await sleep(waitMs, { summary: 'Wait for the turn' });
      waitMs = Math.min(2 * waitMs, TURN_WAIT_MS.longest);
      continue;
    }
    if (decided.decision !== 'accepted') return decided.decision;
    const generation = decided.generation ?? 1;
    const payBack = { orderId, tenantId, currency, amountMinor, generation };
    await steps.run('refundPayment', payBack, {
      force: async ({ evidence }) => {
        await steps.run('recordEvidence', { ...payBack, evidence: evidence ?? '' });
      },
    });
    const after = await steps.run('readMoney', { orderId, tenantId });
    const isWhole = after.refundedMinor >= after.capturedMinor;
    await steps.run('settleOrder', { orderId, tenantId, to: isWhole ? 'REFUNDED' : 'PARTIALLY_REFUNDED' });
    await notifyCustomer(input, 'order-refunded', amountMinor);
    return 'accepted';
  }
}

/** Takes more of what is still authorized, after a first part was captured and the order confirmed. */
async function capture(input: SettleWorkflowInput, steps: Steps): Promise<CommandDecision> {
  const { orderId, tenantId, request } = input;
  const { authorizedMinor, capturedMinor } = await steps.run('readMoney', { orderId, tenantId });
  const leftMinor = authorizedMinor - capturedMinor;
  const amountMinor = input.amountMinor ?? leftMinor;
  const exceeds = amountMinor > leftMinor || amountMinor <= 0;
  const decided = await steps.run('decideCommand', {
    command: commandOf(input, 'capture', Math.max(1, amountMinor)),
    rule: {
      from: [],
      to: exceeds ? 'PENDING' : 'CONFIRMED',
      eventType: 'order.capture_accepted',
      allowed: 'accepted',
      refused: exceeds ? 'amount_exceeds_authorized' : 'too_late',
    },
  });
  if (decided?.decision !== 'accepted') return decided?.decision ?? 'too_late';
  const generation = decided.generation ?? 1;
  await steps.run('capturePayment', { orderId, tenantId, currency: request.currency, amountMinor, generation });
  return 'accepted';
}

/**
 * Ends what a terminated workflow has left: an order that is not sold is given back and CANCELLED, one that was being
 * cancelled or refunded is brought to that end.
 */
async function repair(input: SettleWorkflowInput, steps: Steps): Promise<CommandDecision> {
  const { orderId, tenantId } = input;
  const decided = await steps.run('decideCommand', {
    command: commandOf(input, 'cancel', null),
    rule: {
      from: ['PENDING', 'AWAITING_CAPTURE'],
      to: 'CANCELLING',
      eventType: 'order.cancelling',
      allowed: 'will_refund',
      refused: 'too_late',
    },
  });
  const { status } = await steps.run('readOrder', { orderId, tenantId });
  if (decided?.decision === 'will_refund') {
    await endAsCancelled(input, steps, decided.generation ?? 1);
    return 'will_refund';
  }
  // Late money for an order that ended without a sale goes back; its status stays.
  if (status === 'REJECTED' || status === 'CANCELLED' || status === 'EXPIRED') await giveBack(input, steps, 1);
  return decided?.decision ?? 'too_late';
}

/** Money first, then goods; CANCELLED is written when both are proved. */
async function endAsCancelled(input: SettleWorkflowInput, steps: Steps, refundGeneration: number): Promise<void> {
  const { orderId, tenantId } = input;
  await giveBack(input, steps, refundGeneration);
  await steps.run('settleOrder', { orderId, tenantId, to: 'CANCELLED' });
  await notifyCustomer(input, 'order-cancelled', 0);
}

async function giveBack(input: SettleWorkflowInput, steps: Steps, refundGeneration: number): Promise<void> {
  await undoPayment(input, steps, refundGeneration);
  await releaseStock(input, steps);
}
