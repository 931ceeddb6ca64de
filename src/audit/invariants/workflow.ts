import { isAtRest, isTerminal, type OrderStatus } from '../../domain/order-status.ts';
import { isOpen, openExecutions, type OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/**
 * I10: an order in motion has a workflow that carries it, an order at rest has none any more, no workflow has died, and
 * a case is open exactly while a workflow is parked.
 */
export function checkWorkflow(facts: OrderFacts): Finding {
  const { order, workflow, commandExecutions, cases } = facts;
  if (order === null && workflow === null && commandExecutions.length === 0 && cases.length === 0)
    return NOT_APPLICABLE;
  const died = deathOf(facts);
  const execution = order === null ? [] : executionProblems(order.status, facts);
  // A dead workflow is the reason why nothing carries the order, so one sentence reports both.
  const problems = died === null ? execution : [died];
  return { checked: 1, problems: [...problems, ...caseProblems(facts)] };
}

function deathOf({ order, workflow }: OrderFacts): string | null {
  if (workflow === null || isOpen(workflow)) return null;
  if (workflow.status === 'COMPLETED' || workflow.status === 'CONTINUED_AS_NEW') return null;
  if (order !== null && leavesNothing(order.status, workflow.status)) return null;
  return `its workflow ended as ${workflow.status}, the order is ${order?.status ?? 'not opened'}`;
}

/** Whether nothing was left to do when the order's own workflow ended, whatever the end was. */
function leavesNothing(status: OrderStatus, end: string): boolean {
  // A command workflow has brought the order to its end; I3 and I5 prove that nothing is left.
  if (isTerminal(status)) return true;
  // A person ended it after the order had come to rest: no repair could do anything. A failure stays a bug.
  return needsNoWorkflow(status) && end === 'TERMINATED';
}

function executionProblems(status: OrderStatus, facts: OrderFacts): string[] {
  const isCarried = openExecutions(facts).length > 0;
  const { order, workflow } = facts;
  const ownerId = order?.ownerCommandId ?? null;
  if (ownerId !== null && !isCarried) return [`the command ${ownerId} owns it, but no workflow carries it`];
  if (!needsNoWorkflow(status)) {
    return isCarried ? [] : [`it is ${status}, but no workflow carries it`];
  }
  return workflow !== null && isOpen(workflow) ? [`it is ${status}, but its workflow is still open`] : [];
}

function needsNoWorkflow(status: OrderStatus): boolean {
  return isAtRest(status) && status !== 'AWAITING_CAPTURE';
}

function caseProblems(facts: OrderFacts): string[] {
  const waiting = facts.cases.filter(({ state }) => state === 'open');
  const parked = openExecutions(facts).flatMap(({ caseKind: step, workflowId }) =>
    step === null ? [] : [{ step, workflowId }],
  );
  return [
    ...waiting
      .filter((each) => !parked.some((place) => isSamePlace(place, each)))
      .map(({ step }) => `the case at ${step} is open, but no workflow is parked there`),
    ...parked
      .filter((place) => !waiting.some((each) => isSamePlace(place, each)))
      .map(({ step }) => `its workflow is parked at ${step}, but no case is open`),
  ];
}

type Place = Pick<OrderFacts['cases'][number], 'step' | 'workflowId'>;

/** Two workflows of one order may be parked at the same step, each with a case of its own. */
function isSamePlace(left: Place, right: Place): boolean {
  return left.step === right.step && left.workflowId === right.workflowId;
}
