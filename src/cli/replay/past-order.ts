import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { CaptureCommand, OrderCommand } from '../../domain/command.ts';
import type { Refusal } from '../../domain/order.ts';
import type { PastMessage, WorkflowPast } from '../../temporal/history/workflow-past.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  resolveCaseSignal,
  resolveCaseUpdate,
  type OrderWorkflowResult,
} from '../../workflows/contract.ts';

/** The parts of a workflow's past that identify it. */
export type PastRun = Pick<WorkflowPast, 'workflowId' | 'runId' | 'firstTaskEnd'>;

/** What an order's own workflow had done before the database was set back. */
export interface PastOrder {
  readonly run: PastRun;
  readonly input: OrderWorkflowInput;
  readonly firstRunId: string;
  /** When its stock was held, or else when it began. */
  readonly at: Date;
  /** `open`: it still runs. `dead`: it failed, was terminated, or timed out. */
  readonly state: 'open' | 'completed' | 'dead';
  /** How it had ended; null unless it was completed. */
  readonly status: OrderWorkflowResult['status'] | null;
  /** Why it was refused; null unless it was, or is about to be. */
  readonly refusal: Refusal | null;
  /** The total that was authorized and never captured; null unless the order expired. */
  readonly expiredMinor: number | null;
  /** The cancel that ended it, and whether money may have been taken before. */
  readonly cancel: { readonly command: OrderCommand; readonly mayBeCharged: boolean } | null;
  /** The captures that it was given and did not refuse, in their order. */
  readonly captures: readonly CaptureCommand[];
  /** Whether a person has decided about one of its cases. */
  readonly isDecided: boolean;
}

/** Reads from its past what an order has become. */
export function pastOrderOf(past: WorkflowPast): PastOrder {
  const { workflowId, runId, firstTaskEnd, firstRunId, results, messages } = past;
  const status = (past.result as OrderWorkflowResult | undefined)?.status ?? null;
  const held = results.find(({ activity }) => activity === 'holdStock' || activity === 'tryFastPath');
  const state = stateOf(past);
  return {
    run: { workflowId, runId, firstTaskEnd },
    input: past.input as OrderWorkflowInput,
    firstRunId,
    at: held?.at ?? past.startedAt,
    state,
    status,
    refusal: state === 'open' || status === 'REJECTED' ? refusalOf(past) : null,
    expiredMinor: status === 'EXPIRED' ? totalOf(past) : null,
    cancel: status === 'CANCELLED' ? cancelOf(messages) : null,
    captures: capturesOf(messages),
    isDecided: messages.some(({ name }) => name === resolveCaseUpdate.name || name === resolveCaseSignal.name),
  };
}

function stateOf(past: WorkflowPast): PastOrder['state'] {
  if (past.status === 'COMPLETED') return 'completed';
  return isRunning(past) ? 'open' : 'dead';
}

/** Whether the workflow can still do something. */
export function isRunning({ status }: Pick<WorkflowPast, 'status'>): boolean {
  return status === 'RUNNING' || status === 'PAUSED';
}

/** The refusal that the run has stored, or has found stored. */
function refusalOf({ results }: WorkflowPast): Refusal | null {
  const stored = results.findLast(({ activity }) => activity === 'recordRefusal')?.result as Refusal | undefined;
  if (stored !== undefined) return stored;
  const opened = results.findLast(({ activity }) => activity === 'openOrder')?.result;
  return (opened as { readonly refusal?: Refusal | null } | undefined)?.refusal ?? null;
}

/** The total as the stock was held, or as a run that continued has found it. */
function totalOf({ results }: WorkflowPast): number | null {
  const totals = results.map(({ activity, result }) => {
    const answer = result as {
      readonly totalMinor?: number | null;
      readonly holdStock?: { readonly answer?: unknown };
    };
    const held = activity === 'tryFastPath' ? answer.holdStock?.answer : answer;
    const isTotal = activity === 'tryFastPath' || activity === 'holdStock' || activity === 'openOrder';
    return isTotal ? ((held as typeof answer | undefined)?.totalMinor ?? null) : null;
  });
  return totals.findLast((total) => total !== null) ?? null;
}

const WILL_CANCEL: readonly unknown[] = ['will_cancel', 'will_refund'];

/** A signal has no answer, so it counts when no Update was promised anything. */
function cancelOf(messages: readonly PastMessage[]): PastOrder['cancel'] {
  const promised = messages.find(({ name, answer }) => name === cancelOrderUpdate.name && WILL_CANCEL.includes(answer));
  const asked = promised ?? messages.find(({ name }) => name === cancelOrderSignal.name);
  if (asked === undefined) return null;
  return { command: asked.args[0] as OrderCommand, mayBeCharged: asked.answer !== 'will_cancel' };
}

/** The same capture may have come by Update and by signal; it has one id. */
function capturesOf(messages: readonly PastMessage[]): CaptureCommand[] {
  const given = messages.filter(
    ({ name, answer }) =>
      name === capturePaymentSignal.name ||
      (name === capturePaymentUpdate.name && (answer === 'accepted' || answer === undefined)),
  );
  const commands = given.map(({ args }) => args[0] as CaptureCommand);
  return [...new Map(commands.map((command) => [command.commandId, command])).values()];
}
