import type { OrderOwnership } from '../../../domain/command.ts';
import { amountProblemText, moneyText } from '../../../domain/payments/money-text.ts';
import { assertNever } from '../../../domain/errors.ts';
import type { OrderExecution, PendingStep } from '../../../temporal/order-executions.ts';
import type { Situation } from './order-situation.ts';
import type { ExplainView } from './insight-schemas.ts';
import type { OrderView } from '../order-schemas.ts';

/** An explanation in words. */
export type Words = Pick<ExplainView, 'summary' | 'waitsFor' | 'whoMustAct' | 'advice'>;

const AN_OPERATOR = { waitsFor: 'an operator', whoMustAct: 'an operator' } as const;

const REPAIR =
  '`npm run orders -- repair --dry-run` shows what a repair would do, `npm run orders -- repair --yes` does it.';

/** Says what keeps the order where it is, who must act, and what they can do. */
export function wordsOf(order: OrderView, situation: Situation): Words {
  switch (situation.kind) {
    case 'unseen':
      return {
        summary: `The order is ${order.status}. Temporal does not answer, so it is not known what the order waits for.`,
        ...AN_OPERATOR,
        advice: 'Bring Temporal back (`/readyz`): the order then continues by itself.',
      };
    case 'lost':
      return lostWords(order, situation);
    case 'forgotten':
      return {
        summary: `${commandText(situation.command, order)} was decided, and no workflow carries it out yet.`,
        waitsFor: 'a worker',
        whoMustAct: 'the system',
        advice:
          'Nothing has to be done: within two minutes the sweep of commands starts a workflow for it, if workers run.',
      };
    case 'paused':
      return pausedWords(situation.execution, situation.step);
    case 'unserved':
      return unservedWords(situation.step);
    case 'task_fails':
      return {
        summary: `The code of the workflow ${situation.execution.workflowId} fails again and again (attempt ${situation.attempt}).`,
        ...AN_OPERATOR,
        advice:
          "The workers' logs say why. Deploy a fix or the former version: nothing is lost, and the order then continues.",
      };
    case 'parked':
      return parkedWords(order);
    case 'tried':
      return triedWords(situation.step);
    case 'at_rest':
      return restingWords(order);
    default:
      return assertNever(situation);
  }
}

/** How a workflow ended that did not end by itself. */
const ENDS: Readonly<Partial<Record<OrderExecution['status'], string>>> = {
  TERMINATED: 'was terminated',
  FAILED: 'has failed',
  TIMED_OUT: 'ran out of time',
  CANCELLED: 'was cancelled in Temporal',
};

/** To be read after "its workflow". */
function endOf(execution: OrderExecution | undefined): string {
  if (execution === undefined) return 'is not there any more';
  const at = execution.closedAt === null ? '' : ` at ${execution.closedAt}`;
  return `${ENDS[execution.status] ?? 'has ended'}${at}`;
}

function commandText({ kind, amountMinor }: OrderOwnership, { currency }: OrderView): string {
  const of = amountMinor === null ? '' : ` of ${moneyText(amountMinor, currency)}`;
  return `The ${kind.replace('_', ' ')}${of}`;
}

function lostWords(order: OrderView, { execution, command }: Extract<Situation, { kind: 'lost' }>): Words {
  const end = endOf(execution);
  if (order.version === 0) {
    return {
      summary: `The workflow of the order ${end}, before its first step: nothing is held, no money is taken, and nothing goes on by itself.`,
      waitsFor: 'nothing',
      whoMustAct: 'the client',
      advice: 'Send the order again under another Idempotency-Key.',
    };
  }
  if (command !== null && order.attention === null) {
    return {
      summary: `${commandText(command, order)} was decided, but its workflow ${end}: no workflow carries it out.`,
      ...AN_OPERATOR,
      advice: `The command is ${command.commandId}. ${REPAIR}`,
    };
  }
  if (order.attention !== null) {
    const { step, errorCode } = order.attention;
    return {
      summary: `The order is parked at ${step} (${errorCode}), but the workflow that waits there ${end}: no decision about the case can be carried out.`,
      ...AN_OPERATOR,
      advice: REPAIR,
    };
  }
  return {
    summary: `The order is ${order.status}, but its workflow ${end}: nothing goes on by itself.`,
    ...AN_OPERATOR,
    advice: REPAIR,
  };
}

function pausedWords({ workflowId }: OrderExecution, step: PendingStep | null): Words {
  if (step === null) {
    return {
      summary: `The workflow ${workflowId} is paused in Temporal: nothing continues until a person unpauses it.`,
      ...AN_OPERATOR,
      advice: `temporal workflow unpause --workflow-id ${workflowId}`,
    };
  }
  const { by, reason } = step.pause ?? {};
  const who = [by == null ? null : `by ${by}`, reason == null ? null : `"${reason}"`].filter((part) => part !== null);
  return {
    summary: `The step ${step.step} is paused in Temporal${who.length === 0 ? '' : ` (${who.join(', ')})`}: it is not tried until a person unpauses it.`,
    ...AN_OPERATOR,
    advice: `temporal activity unpause --workflow-id ${workflowId} --activity-id ${step.step}`,
  };
}

function unservedWords(step: PendingStep | null): Words {
  const taskQueue = step?.taskQueue ?? 'orders';
  const what = step === null ? 'The next step' : `The step ${step.step}`;
  return {
    summary: `${what} waits on the task queue ${taskQueue}, which no worker serves.`,
    waitsFor: 'a worker',
    whoMustAct: 'an operator',
    advice: `Start a worker of this queue: npm run start:worker -- --queues ${taskQueue}. If one runs, all its slots are taken: start another one, or see in its log why it hangs.`,
  };
}

function parkedWords({ attention }: OrderView): Words {
  const { step, errorCode, caseId } = attention ?? {};
  return {
    summary: `The step ${step} has failed (${errorCode}); the order is parked.`,
    ...AN_OPERATOR,
    advice: `Resolve the case ${caseId}: GET /v1/cases/${caseId} says what can be done.`,
  };
}

function triedWords({ step, attempt, isRunning, lastError, nextRetryAt }: PendingStep): Words {
  if (attempt <= 1 && lastError === null) {
    return {
      summary: isRunning ? `The step ${step} is being tried right now.` : `The step ${step} is about to be tried.`,
      waitsFor: 'a worker',
      whoMustAct: 'the system',
      advice: 'Nothing has to be done. If it fails for long, a case opens.',
    };
  }
  const when = nextRetryAt === null ? (isRunning ? 'right now' : 'shortly') : `at ${nextRetryAt}`;
  return {
    summary: `The step ${step} did not succeed yet (attempt ${attempt}). It is tried again by itself ${when}.`,
    waitsFor: 'a retry',
    whoMustAct: 'the system',
    advice: 'Nothing has to be done. If it keeps failing, a case opens.',
  };
}

function restingWords(order: OrderView): Words {
  const { status, payment, captureBy, currency, totalMinor } = order;
  const text = (amountMinor: number): string => moneyText(amountMinor, currency);
  const done = { waitsFor: 'nothing', whoMustAct: 'nobody', advice: 'Nothing has to be done.' } as const;
  const underWay = { waitsFor: 'a worker', whoMustAct: 'the system' } as const;
  const advice = 'Nothing has to be done. If this lasts for more than a minute, check that workers run.';
  switch (status) {
    case 'PENDING':
      return { ...underWay, summary: 'The order is accepted and being carried out right now.', advice };
    case 'AWAITING_CAPTURE':
      return {
        summary: 'The payment is authorized and the stock is held; the capture has not been asked for yet.',
        waitsFor: 'a capture',
        whoMustAct: 'the client',
        advice: `POST /v1/orders/{id}/capture takes the money until ${captureBy}; without it everything is given back then, and the order expires.`,
      };
    case 'CONFIRMED':
      return {
        ...done,
        summary: `The order is sold: ${totalMinor === 0 ? 'there was nothing to pay' : 'the money is captured'}, and the stock is deducted.`,
        ...(payment.capturableMinor === null || payment.capturableMinor === 0
          ? {}
          : { advice: `${text(payment.capturableMinor)} more can be captured; nothing has to be done.` }),
      };
    case 'REJECTED':
      return {
        ...done,
        summary: `The order was refused (${refusalText(order)}); nothing is held and no money is taken.`,
      };
    case 'CANCELLING':
      return { ...underWay, summary: 'The order is being cancelled: money and stock are given back.', advice };
    case 'CANCELLED':
      return { ...done, summary: 'The order is cancelled; nothing is held and no money is taken.' };
    case 'EXPIRED':
      return { ...done, summary: 'The authorization ran out before a capture; nothing is held and no money is taken.' };
    case 'REFUNDING':
      return {
        ...underWay,
        summary: 'A refund is under way; the money stays owed until the refund is proved.',
        advice,
      };
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return { ...done, summary: `${text(payment.refundedMinor)} of ${text(payment.capturedMinor)} are paid back.` };
    default:
      return assertNever(status);
  }
}

function refusalText({ reason, reasonDetails, currency }: OrderView): string {
  if (reasonDetails === null || !('problem' in reasonDetails)) return String(reason);
  return `${reason}: its total ${amountProblemText(reasonDetails, currency)}`;
}
