import { CancellationScope, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { OrderOwnership } from '../domain/command.ts';
import { giveBackOf, ownershipOf, reconcileOf } from '../domain/command-rule.ts';
import type { MoneySums } from '../domain/payments/payment.ts';
import { type NoticeOutcome, type NoticeWorkflowInput, noticeCommandId } from '../domain/payments/payment-notice.ts';
import { CASE_BOOKKEEPING, waitingPaymentSteps } from './steps/step-policies.ts';
import { NOTICE_POLICY } from './steps/background-policies.ts';
import { turnOf } from './order/compensations.ts';
import { resolveCaseUpdate, resumeOrderSignal } from './contract.ts';
import { failureOf } from './steps/outcome.ts';
import { adoptExternal } from './order/reconciling.ts';
import { showDetails } from './steps/current-details.ts';
import { createStepReports, type ListedSteps } from './steps/step-reports.ts';
import { createSteps, type Steps } from './steps/step-runner.ts';
import { createParking } from './steps/parking.ts';

/**
 * Handles one report of a payment provider. A report is a hint and never evidence, so the workflow relies only on what
 * it looks up: the step that waits for the provider looks now; late money of an unsold order is given back; money that
 * was moved at the provider itself is adopted; and a report that nothing explains after several looks is shown to a
 * person. `left`: the order is about to look by itself, and the sweep asks again.
 */
export async function noticeWorkflow(
  input: NoticeWorkflowInput,
): Promise<ListedSteps & { readonly outcome: NoticeOutcome | 'left' }> {
  const reports = createStepReports();
  const steps = createSteps(input, { parking: createParking(input), reports });
  setHandler(resumeOrderSignal, steps.resume);
  setHandler(resolveCaseUpdate, steps.resolve, { validator: steps.check });
  return CancellationScope.nonCancellable(async () => {
    const outcome = await apply(input, steps);
    if (outcome !== 'left') {
      const { closeNotice } = proxyActivities<Activities>({
        ...CASE_BOOKKEEPING,
        taskQueue: 'payments',
        summary: 'Close the notice: waits for the database of payments',
      });
      await closeNotice({ notice: input.notice, outcome, orderId: input.orderId });
    }
    showDetails(input, `The notice ended as **${outcome}**.`);
    return { outcome, ...reports.listed() };
  });
}

async function apply(input: NoticeWorkflowInput, steps: Steps): Promise<NoticeOutcome | 'left'> {
  const { notice, orderId, tenantId } = input;
  const skip = { kind: 'settled', outcome: 'dismissed' } as const;
  const { pausesMs } = NOTICE_POLICY;
  for (const [round, pauseMs] of pausesMs.entries()) {
    const isLast = round === pausesMs.length - 1;
    const verdict = await steps.run('judgeNotice', { orderId, tenantId, notice, isLast }, { skip });
    switch (verdict.kind) {
      case 'settled':
        return verdict.outcome;
      case 'give_back':
        if (await giveBack(input, steps, verdict)) return 'given_back';
        break;
      case 'look_up':
        if (await wake(input)) return 'looked_up';
        break;
      case 'adopt':
        await adopt(input, steps, { currency: verdict.currency, round });
        break;
      case 'look_again':
        break;
    }
    await sleep(pauseMs, { summary: 'The books may be behind' });
  }
  return 'left';
}

/**
 * Adopts money that was moved at the provider itself, by a command of the system. The adopted movements then explain
 * the notice, which is judged again. Nothing is adopted while another command owns the order. Each look has a command
 * of its own.
 */
async function adopt(
  { orderId, tenantId, notice }: NoticeWorkflowInput,
  steps: Steps,
  { currency, round }: { readonly currency: string; readonly round: number },
): Promise<void> {
  const order = await steps.run('readOrder', { orderId, tenantId });
  const found = await steps.run('findExternal', { orderId, tenantId, currency });
  if (found.capturedMinor + found.refundedMinor === 0) return;
  const { amountMinor, rule } = reconcileOf(found, order);
  const commandId = noticeCommandId(notice, round);
  const command = { commandId, orderId, tenantId, kind: 'reconcile', requestHash: '', actor: notice.provider } as const;
  const decided = await steps.run('decideCommand', { command: { ...command, reason: null, amountMinor }, rule });
  const owner = decided === null ? null : ownershipOf(command, decided);
  if (owner === null) return;
  await adoptExternal({ steps, onConflict: 'park' }, { orderId, tenantId, currency, ...turnOf(owner) }, owner);
}

type GiveBack = Extract<Awaited<ReturnType<Activities['judgeNotice']>>, { kind: 'give_back' }>;

/** Gives late money back by a command of the system; false while another command owns the order. */
async function giveBack(input: NoticeWorkflowInput, steps: Steps, verdict: GiveBack): Promise<boolean> {
  const { orderId, tenantId } = input;
  const owned = await ownForGiveBack(input, steps);
  if (owned === null) return false;
  const after = await returnCharge(input, steps, { ...verdict, owner: owned.owner });
  const { commandId, generation } = owned.owner;
  const data = { commandId, generation, ...amountsOf(owned.before, after) };
  await steps.run('endCommand', { orderId, tenantId, commandId, eventType: 'order.given_back', data });
  return true;
}

async function ownForGiveBack(
  { orderId, tenantId, notice }: NoticeWorkflowInput,
  steps: Steps,
): Promise<{ readonly owner: OrderOwnership; readonly before: MoneySums } | null> {
  const commandId = noticeCommandId(notice);
  const before = await steps.run('readMoney', { orderId, tenantId });
  const { amountMinor, rule } = giveBackOf(before);
  const command = { commandId, orderId, tenantId, kind: 'give_back', requestHash: '', actor: notice.provider } as const;
  const decided = await steps.run('decideCommand', { command: { ...command, reason: null, amountMinor }, rule });
  const owner = decided === null ? null : ownershipOf(command, decided);
  return owner === null ? null : { owner, before };
}

/**
 * Gives a charge back, and returns the sums after it. Two people may instead prove that the money was paid back outside
 * of the provider.
 */
async function returnCharge(
  { orderId, tenantId }: NoticeWorkflowInput,
  steps: Steps,
  { charge, currency, owner }: GiveBack & { readonly owner: OrderOwnership },
): Promise<MoneySums | null> {
  const { generation } = owner;
  const account = { orderId, tenantId, currency, ...turnOf(owner) };
  const after = await steps.run(
    'returnCharge',
    { ...account, chargeKind: charge.kind, generation: charge.generation, refundGeneration: generation },
    {
      force: async ({ evidence }) => {
        const paidBack = { ...account, generation, amountMinor: null };
        return steps.run('recordEvidence', { ...paidBack, evidence: evidence ?? '' });
      },
    },
  );
  return after ?? null;
}

/** The amount that was given back, and the sums after it; empty when a worker of an earlier version gave it back. */
function amountsOf(before: MoneySums, after: MoneySums | null) {
  if (after === null) return {};
  const { capturedMinor, refundedMinor } = after;
  return { amountMinor: refundedMinor - before.refundedMinor, capturedMinor, refundedMinor };
}

/** True when it is certain that an attempt begins after the event and looks. */
async function wake({ orderId, tenantId }: NoticeWorkflowInput): Promise<boolean> {
  const { retriggerPayment } = proxyActivities<Activities>({
    ...NOTICE_POLICY.wake,
    taskQueue: 'orders',
    summary: 'Wake the payment step: waits for Temporal',
  });
  try {
    const { kind } = await retriggerPayment({ orderId, tenantId, steps: waitingPaymentSteps() });
    return kind === 'retriggered';
  } catch (error) {
    failureOf(error);
    return false;
  }
}
