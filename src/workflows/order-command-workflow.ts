import { CancellationScope, setHandler, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import {
  COMMAND_RULES,
  type CommandDecision,
  type CommandEndEvent,
  type CommandKind,
  type OrderOwnership,
} from '../domain/command.ts';
import {
  cancelOfSold,
  furtherCaptureOf,
  giveBackOf,
  ownershipOf,
  reconcileOf,
  refundOf,
  type RuledCommand,
} from '../domain/command-rule.ts';
import { assertNever } from '../domain/errors.ts';
import type { MoneySums } from '../domain/payments/payment.ts';
import { releaseStock, turnOf, undoPayment } from './order/compensations.ts';
import { resolveCaseUpdate, resumeOrderSignal, type OrderCommandInput, type OrderCommandResult } from './contract.ts';
import { tellCommand } from './order/notify-customer.ts';
import { adoptExternal } from './order/reconciling.ts';
import { showDetails } from './steps/current-details.ts';
import { createStepReports, type StepReports } from './steps/step-reports.ts';
import { createSteps, StepAbortedError, StepConflictError, type OnConflict, type Steps } from './steps/step-runner.ts';
import { createParking } from './steps/parking.ts';
import { isTaken } from './order/recovery.ts';
import { showStatus } from './order/show-status.ts';

/**
 * Carries out what is asked of an order after its own workflow has closed: a cancel within the window, a refund, a
 * further capture, the return of money, or the repair of an order whose workflow was terminated. A command owns the
 * order from its decision to its end. While another command owns the order, this one waits for its turn.
 */
export async function orderCommandWorkflow(input: OrderCommandInput): Promise<OrderCommandResult> {
  const reports = createStepReports();
  const steps = createSteps(input, { parking: createParking(input), reports });
  setHandler(resumeOrderSignal, steps.resume);
  setHandler(resolveCaseUpdate, steps.resolve, { validator: steps.check });
  return CancellationScope.nonCancellable(async () => {
    const decision = await carryOutCommand({ input, steps, reports, onConflict: 'throw' });
    showDetails(input, `The ${input.kind} ended as **${decision}**.`);
    return { decision, ...reports.listed() };
  });
}

/** What the steps of one command share. */
interface CommandContext {
  readonly input: OrderCommandInput;
  readonly steps: Steps;
  readonly reports: StepReports;
  /** A conflict is compared with the stored order; if that does not explain it, a case opens. */
  readonly onConflict: OnConflict;
}

/**
 * A run after the command's end, for example after a reset, finds that another command owns the order, and only tells
 * the customer.
 */
async function carryOutCommand(context: CommandContext): Promise<CommandDecision> {
  const { decision, owner } = await decide(context);
  if (owner === null) return decision;
  const { event, amountMinor } = await untilEnded(context, owner);
  await tellCommand(context, { ...owner, amountMinor }, event);
  return decision;
}

/** How a command has ended. */
interface Ending {
  /** Null when the end is not known. */
  readonly event: CommandEndEvent | null;
  /** The amount that the command has moved. It is less than decided when a part was moved at the provider itself. */
  readonly amountMinor: number | null;
}

async function untilEnded(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  const { input, steps } = context;
  const { orderId, tenantId } = input;
  const { commandId } = owner;
  try {
    return await carryOut(context, owner);
  } catch (error) {
    if (!(error instanceof StepConflictError)) throw error;
    const stored = await look(steps, { orderId, tenantId, commandId });
    if (stored.owner?.commandId !== commandId) {
      return { event: stored.commandEnd ?? null, amountMinor: stored.commandEndMinor ?? owner.amountMinor };
    }
    return carryOut({ ...context, onConflict: 'park' }, owner);
  }
}

interface Decided {
  readonly decision: CommandDecision;
  /** Null when there is nothing to do for this command. */
  readonly owner: OrderOwnership | null;
}

/**
 * Commands of one order take turns. A parked one may keep the others waiting for weeks, so the pause grows to two looks
 * a day.
 */
const TURN_WAIT_MS = { first: 200, longest: 12 * 3_600_000 } as const;

/** The decision contains the order's version, so exactly the judged state is decided. */
async function decide({ input, steps }: CommandContext): Promise<Decided> {
  const { orderId, tenantId, command } = input;
  const kind = commandKindOf(input.kind);
  for (let waitMs: number = TURN_WAIT_MS.first; ; waitMs = Math.min(2 * waitMs, TURN_WAIT_MS.longest)) {
    const { amountMinor, rule } = await rules[input.kind](input, steps);
    const asked = { ...command, orderId, tenantId, kind, amountMinor };
    const decided = await steps.run('decideCommand', { command: asked, rule });
    if (decided !== null && decided.decision !== 'busy') {
      const fixed = { ...decided, amountMinor: decided.amountMinor ?? amountMinor };
      const owner = ownershipOf({ ...command, kind }, fixed);
      const moved = owner !== null && rule.kind === 'apply' ? COMMAND_RULES[rule.name].to : null;
      if (moved !== null) showStatus(moved);
      return { decision: decided.decision, owner };
    }
    // The order moved between the look and the decision, or another command has its turn: look again.
    await sleep(waitMs, { summary: 'Wait for the turn' });
  }
}

/** A repair cancels the order without a client's command. */
function commandKindOf(kind: OrderCommandInput['kind']): CommandKind {
  return kind === 'repair' ? 'cancel' : kind;
}

type Rule = (input: OrderCommandInput, steps: Steps) => Promise<RuledCommand>;

const rules: Readonly<Record<OrderCommandInput['kind'], Rule>> = {
  cancel: ({ settings }) => Promise.resolve(cancelOfSold(settings.cancelWindowSeconds)),
  refund: async ({ orderId, tenantId, amountMinor }, steps) => {
    const { version } = await look(steps, { orderId, tenantId });
    return refundOf(amountMinor, await steps.run('readMoney', { orderId, tenantId }), version);
  },
  capture: async ({ orderId, tenantId, amountMinor }, steps) => {
    const { version } = await look(steps, { orderId, tenantId });
    return furtherCaptureOf(amountMinor, await steps.run('readMoney', { orderId, tenantId }), version);
  },
  give_back: async ({ orderId, tenantId }, steps) => giveBackOf(await steps.run('readMoney', { orderId, tenantId })),
  reconcile: async ({ orderId, tenantId, request: { currency } }, steps) => {
    const order = await look(steps, { orderId, tenantId });
    return reconcileOf(await steps.run('findExternal', { orderId, tenantId, currency }), order);
  },
  repair: async ({ orderId, tenantId }, steps) => {
    const { owner = null } = await look(steps, { orderId, tenantId });
    // The effects of the terminated workflow's own command are given back with the rest.
    const succession = owner === null ? {} : { succeeds: owner.commandId };
    return { amountMinor: null, rule: { kind: 'apply', name: 'repair', ...succession } };
  },
};

/** Reads the order's row, and shows its status. */
async function look(steps: Steps, order: Parameters<Activities['readOrder']>[0]): ReturnType<Activities['readOrder']> {
  const stored = await steps.run('readOrder', order);
  showStatus(stored.status);
  return stored;
}

function carryOut(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  switch (owner.kind) {
    case 'cancel':
      return cancel(context, owner);
    case 'refund':
      return refund(context, owner);
    case 'capture':
      return capture(context, owner);
    case 'give_back':
      return giveBack(context, owner);
    case 'reconcile':
      return reconcile(context, owner);
    default:
      return assertNever(owner.kind);
  }
}

/** Gives back the money first, then the goods. CANCELLED is written when both are proved. */
async function cancel(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  const { input, steps, onConflict } = context;
  const { orderId, tenantId } = input;
  const after = await undoPayment(context, owner);
  await releaseStock(context);
  await steps.run('closeCommand', { orderId, tenantId, to: 'CANCELLED', ...endOf(owner, after) }, { onConflict });
  showStatus('CANCELLED');
  return { event: 'order.cancelled', amountMinor: null };
}

/**
 * Pays back the money or a part of it. If all of it is paid back, the part that was never captured is released, too. Only
 * then is it certain that all was paid back: until then a person could capture more at the provider.
 */
async function refund(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  const { input, steps, onConflict } = context;
  const { orderId, tenantId } = input;
  const amountMinor = await payBack(context, owner);
  const paid = await steps.run('readMoney', { orderId, tenantId });
  const released = isPaidBack(paid) && paid.capturableMinor > 0 ? await release(context, owner) : null;
  const after = released ?? paid;
  const isWhole = isPaidBack(after);
  const to = isWhole ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  const end = endOf({ ...owner, amountMinor }, after);
  await steps.run('closeCommand', { orderId, tenantId, to, ...end }, { onConflict });
  showStatus(to);
  return { event: isWhole ? 'order.refunded' : 'order.partially_refunded', amountMinor };
}

function isPaidBack({ capturedMinor, refundedMinor }: MoneySums): boolean {
  return refundedMinor >= capturedMinor;
}

/** Returns the sums after the release; null if an operator lets the authorization lapse by itself. */
async function release({ input, steps, onConflict }: CommandContext, owner: OrderOwnership): Promise<MoneySums | null> {
  const skip = { kind: 'left' } as const;
  const { sums } = await steps.run('releaseAuthorization', accountOf(input, owner), { onConflict, skip });
  // The answer has no sums in earlier histories.
  return sums ?? null;
}

/**
 * Returns the amount that was paid back; it is less than requested when a part was paid back at the provider itself.
 */
async function payBack({ input, steps, onConflict }: CommandContext, owner: OrderOwnership): Promise<number> {
  const { generation } = owner;
  const amountMinor = owner.amountMinor ?? 0;
  const refunded = { ...accountOf(input, owner), amountMinor, generation };
  const paid = await steps.run('refundPayment', refunded, {
    onConflict,
    force: async ({ evidence }) => {
      await steps.run('recordEvidence', { ...refunded, evidence: evidence ?? '' });
      return { amountMinor };
    },
  });
  // The answer is absent in earlier histories.
  return paid?.amountMinor ?? amountMinor;
}

/** Captures more of the authorization, after a first part was captured and the order confirmed. */
async function capture(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  const { input, steps } = context;
  const { orderId, tenantId } = input;
  const takenMinor = await takenBy(context, owner);
  const eventType = takenMinor === null ? 'order.capture_failed' : 'order.captured';
  const moved = { ...owner, amountMinor: takenMinor ?? owner.amountMinor };
  const { ownerId: commandId, data } = endOf(moved, await steps.run('readMoney', { orderId, tenantId }));
  const ended = await steps.run('endCommand', { orderId, tenantId, commandId, eventType, data });
  return { event: endIn(ended, eventType), amountMinor: moved.amountMinor };
}

/** The amount that was captured; null when it can never be captured. */
async function takenBy({ input, steps, onConflict }: CommandContext, owner: OrderOwnership): Promise<number | null> {
  const { generation } = owner;
  const amountMinor = owner.amountMinor ?? 0;
  const taking = { ...accountOf(input, owner), amountMinor, generation };
  try {
    const outcome = await steps.run('capturePayment', taking, { onConflict });
    if (!isTaken(outcome)) return null;
    // The answer is absent in earlier histories.
    return outcome?.kind === 'captured' ? outcome.amountMinor : amountMinor;
  } catch (error) {
    if (!(error instanceof StepAbortedError)) throw error;
    const { kind } = await steps.run('abandonCapture', taking, { onConflict });
    if (kind !== 'taken' && kind !== 'dead') return assertNever(kind);
    return kind === 'taken' ? amountMinor : null;
  }
}

/** Pays back everything that an ended order still has; the status stays. */
async function giveBack(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  const { input, steps } = context;
  const { orderId, tenantId } = input;
  await undoPayment(context, owner);
  const { ownerId: commandId, data } = endOf(owner, await steps.run('readMoney', { orderId, tenantId }));
  const eventType = 'order.given_back';
  const ended = await steps.run('endCommand', { orderId, tenantId, commandId, eventType, data });
  return { event: endIn(ended, eventType), amountMinor: null };
}

/**
 * The event that has ended a command. It is none where the order's own workflow, which has forgotten a capture that sold
 * the order, has had it carried out once more: the customer must not hear of a further one.
 */
function endIn(ended: Awaited<ReturnType<Activities['endCommand']>>, eventType: CommandEndEvent) {
  return ended === undefined ? eventType : ended.event;
}

async function reconcile(context: CommandContext, owner: OrderOwnership): Promise<Ending> {
  await adoptExternal(context, accountOf(context.input, owner), owner);
  return { event: 'order.reconciled', amountMinor: null };
}

function accountOf({ orderId, tenantId, request }: OrderCommandInput, owner: OrderOwnership) {
  return { orderId, tenantId, currency: request.currency, ...turnOf(owner) };
}

/**
 * What guards the write that ends a command, and what its event states: the command's amount, and the sums after it.
 */
function endOf({ commandId, amountMinor, generation }: OrderOwnership, sums: MoneySums | null) {
  const data = {
    commandId,
    generation,
    ...(amountMinor === null ? {} : { amountMinor }),
    ...(sums === null ? {} : { capturedMinor: sums.capturedMinor, refundedMinor: sums.refundedMinor }),
  };
  return { ownerId: commandId, data };
}
