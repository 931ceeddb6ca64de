import type { DecidedCommand } from '../../../db/repositories/orders/command-repository.ts';
import type { WorkflowPast } from '../../temporal/history/workflow-past.ts';
import type { OrderCommandInput } from '../../workflows/contract.ts';
import { isRunning, type PastRun } from './past-order.ts';

/** What the workflow of a command had done before the database was set back. */
export interface PastCommand {
  readonly run: PastRun;
  readonly input: OrderCommandInput;
  readonly isOpen: boolean;
  /** The first decision; null when it was still waiting for its turn. */
  readonly decided: DecidedCommand | null;
  /** When it was decided, or else when it began. */
  readonly at: Date;
}

/** Reads from its past what was decided about a command. */
export function pastCommandOf(past: WorkflowPast): PastCommand {
  const { workflowId, runId, firstTaskEnd } = past;
  const decisions = past.results.filter(({ activity }) => activity === 'decideCommand');
  const made = decisions.find(({ result }) => isDecision(result as DecidedCommand | null | undefined));
  return {
    run: { workflowId, runId, firstTaskEnd },
    input: past.input as OrderCommandInput,
    isOpen: isRunning(past),
    decided: made === undefined ? null : (made.result as DecidedCommand),
    at: made?.at ?? past.startedAt,
  };
}

function isDecision(decided: DecidedCommand | null | undefined): boolean {
  return decided != null && decided.decision !== 'busy';
}

/**
 * The order in which the commands of one order run again. The numbers of captures and refunds are drawn at the decision
 * and only grow, so the order of the decisions must be the same as it was. A reconciliation adopts whatever the books
 * lack, so it comes when the other commands have booked what is theirs.
 */
export function byDecision(left: PastCommand, right: PastCommand): number {
  return rankOf(left) - rankOf(right) || left.at.getTime() - right.at.getTime();
}

function rankOf({ decided, input }: PastCommand): number {
  if (input.kind === 'reconcile') return 2;
  return decided === null ? 1 : 0;
}
