import type { Client } from '@temporalio/client';
import type { CaseRepository } from '../../../../db/repositories/orders/case-repository.ts';
import type { CommandRepository } from '../../../../db/repositories/orders/command-repository.ts';
import type { OrderRepository } from '../../../../db/repositories/orders/order-repository.ts';
import { readExecutions } from '../../../temporal/order-executions.ts';
import type { OrderReader } from '../order-reader.ts';
import { situationOf, type OrderFacts, type Situation } from './order-situation.ts';
import { wordsOf } from './order-words.ts';
import type { ExplainView } from './insight-schemas.ts';
import type { OrderView } from '../order-schemas.ts';
import type { TaskQueues } from '../../../temporal/task-queues.ts';
import type { TemporalHealth } from '../../../temporal/health.ts';

export interface OrderExplainerDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly reader: OrderReader;
  readonly commands: CommandRepository;
  readonly cases: CaseRepository;
  readonly orders: OrderRepository;
  readonly taskQueues: TaskQueues;
  readonly workflowUrl: (workflowId: string) => string;
}

/** Says in words why an order is where it is. */
export interface OrderExplainer {
  /** The explanation; null when the tenant does not have the order. */
  explain(tenantId: string, orderId: string): Promise<ExplainView | null>;
}

export function createOrderExplainer(deps: OrderExplainerDeps): OrderExplainer {
  return {
    explain: async (tenantId, orderId) => {
      const order = await deps.reader.find(tenantId, orderId);
      if (order === null) return null;
      const facts = await factsOf(deps, tenantId, order);
      return toView(facts, situationOf(facts), deps.workflowUrl);
    },
  };
}

async function factsOf(deps: OrderExplainerDeps, tenantId: string, seen: OrderView): Promise<OrderFacts> {
  const { id, attention } = seen;
  const [commands, openCase, queues] = await Promise.all([
    deps.commands.listByOrder(tenantId, id),
    attention === null ? null : deps.cases.findOptional(tenantId, attention.caseId),
    deps.taskQueues.read(),
  ]);
  const parkedAt = openCase?.workflowId ?? null;
  const executions = deps.health.isUp()
    ? await readExecutions(deps.client, id, { commands, parkedAt }).catch(() => null)
    : null;
  // A workflow that is seen closed has written everything before, so the rows are read after it.
  const [order, owner] = await Promise.all([deps.reader.find(tenantId, id), deps.orders.findOwnership(id)]);
  const isSame = order?.attention?.caseId === attention?.caseId;
  return { order: order ?? seen, commands, owner, parkedAt: isSame ? parkedAt : null, executions, queues };
}

function toView(facts: OrderFacts, situation: Situation, workflowUrl: (workflowId: string) => string): ExplainView {
  const { order, executions } = facts;
  const { execution } = situation;
  return {
    ...wordsOf(order, situation),
    orderId: order.id,
    status: order.status,
    situation: situation.kind,
    ...stepView(order, situation),
    caseId: order.attention?.caseId ?? null,
    capturableMinor: order.payment.capturableMinor,
    captureBy: order.captureBy,
    cancelableUntil: order.cancelableUntil,
    workflowUrl: execution === undefined ? order.workflow.url : workflowUrl(execution.workflowId),
    workflows: (executions ?? []).map(({ workflowId, status }) => ({
      id: workflowId,
      status,
      url: workflowUrl(workflowId),
    })),
  };
}

/** The step that is under way; for a parked order without one, the step of its case. */
function stepView({ attention }: OrderView, situation: Situation) {
  const step = 'step' in situation ? situation.step : null;
  const lastError = attention?.errorCode ?? step?.lastError ?? null;
  if (step === null) {
    const taskQueue = situation.kind === 'unserved' ? 'orders' : null;
    return { step: attention?.step ?? null, attempt: null, lastError, nextRetryAt: null, taskQueue };
  }
  const { step: name, attempt, nextRetryAt, taskQueue, pause } = step;
  return { step: name, attempt, lastError, nextRetryAt: pause === null ? nextRetryAt : null, taskQueue };
}
