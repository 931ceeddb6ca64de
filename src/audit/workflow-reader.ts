import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { describeWorkflow } from '../temporal/calls.ts';
import { orderWorkflowId } from '../workflows/contract.ts';
import { CASE_KIND } from '../workflows/search-attributes.ts';
import { isOpen, type OrderExecution, type OrderExecutions } from './facts.ts';
import { reading } from './source-error.ts';

/** The workflows of orders, by order. */
export interface WorkflowReader {
  /** All workflows that visibility knows: cheap, and up to some seconds behind. */
  list(): Promise<Map<string, OrderExecutions>>;
  /** Asks for each order workflow by its id, which is never behind. */
  describe(orderIds: readonly string[]): Promise<Map<string, OrderExecutions>>;
}

/** What the reader needs of a workflow, as `list` and `describe` answer it. */
type Execution = Pick<WorkflowExecutionInfo, 'workflowId' | 'status' | 'startTime' | 'memo' | 'typedSearchAttributes'>;

const ORDER_PREFIX = orderWorkflowId('');

/** Commands of an order whose workflow is closed run as `order-command/{orderId}/{commandId}`. */
const COMMAND_PREFIX = 'order-command/';

/** Reports of payment providers are looked up as `payment-notice/{orderId}/{provider}/{eventId}`. */
const NOTICE_PREFIX = 'payment-notice/';

const ORDER_WORKFLOWS = `WorkflowId STARTS_WITH '${ORDER_PREFIX}'`;
const OPEN_COMMANDS = `(WorkflowId STARTS_WITH '${COMMAND_PREFIX}' OR WorkflowId STARTS_WITH '${NOTICE_PREFIX}') AND ExecutionStatus = 'Running'`;

const PAGE_SIZE = 1_000;

/**
 * A healthy server needs milliseconds; one without an answer in this time is down. The limit includes the client's own
 * retries.
 */
const ANSWER_WITHIN_MS = 15_000;

/** Questions under way at once. */
const DESCRIBES_AT_ONCE = 20;

/** Reads the client's namespace. */
export function createWorkflowReader(client: Client): WorkflowReader {
  const source = `Temporal (namespace ${client.options.namespace})`;
  const ask = <Result>(question: () => Promise<Result>): Promise<Result> =>
    reading(source, client.withDeadline(Date.now() + ANSWER_WITHIN_MS, question));
  const walk = async (query: string, visit: (execution: Execution) => void): Promise<void> => {
    const executions = client.workflow.list({ query, pageSize: PAGE_SIZE })[Symbol.asyncIterator]();
    // The limit applies to each page, not to all of them together.
    for (;;) {
      const { done, value } = await ask(() => executions.next());
      if (done === true) return;
      visit(value);
    }
  };
  const openCommands = async (): Promise<Map<string, OrderExecution[]>> => {
    const commandExecutions: OrderExecution[] = [];
    await walk(OPEN_COMMANDS, (execution) => commandExecutions.push(executionOf(execution)));
    return Map.groupBy(commandExecutions, ({ workflowId }) =>
      orderIdOf(workflowId, workflowId.startsWith(NOTICE_PREFIX) ? NOTICE_PREFIX : COMMAND_PREFIX),
    );
  };
  const describeOne = (orderId: string): Promise<OrderExecution | null> =>
    ask(async () => {
      const found = await describeWorkflow(client, orderWorkflowId(orderId));
      return found === null ? null : executionOf(found);
    });
  return {
    list: async () => {
      // This fails within seconds when the server is down, where a question would be repeated until its time is over.
      await reading(source, client.connection.ensureConnected());
      const newest = new Map<string, { execution: OrderExecution; startedAt: Date }>();
      await walk(ORDER_WORKFLOWS, (execution) => keepNewest(newest, execution));
      const workflows = new Map([...newest].map(([orderId, { execution }]) => [orderId, execution]));
      return combine(workflows, await openCommands());
    },
    describe: async (orderIds) => {
      const workflows = new Map<string, OrderExecution>();
      for (let at = 0; at < orderIds.length; at += DESCRIBES_AT_ONCE) {
        const some = orderIds.slice(at, at + DESCRIBES_AT_ONCE);
        const found = await Promise.all(some.map(describeOne));
        for (const [index, execution] of found.entries())
          if (execution !== null) workflows.set(some[index] ?? '', execution);
      }
      const wanted = new Set(orderIds);
      const commandExecutions = new Map([...(await openCommands())].filter(([orderId]) => wanted.has(orderId)));
      return combine(workflows, commandExecutions);
    },
  };
}

/** A workflow that was reset has several runs: the open run is the present one, or without an open run the latest. */
function keepNewest(newest: Map<string, { execution: OrderExecution; startedAt: Date }>, execution: Execution): void {
  const orderId = orderIdOf(execution.workflowId, ORDER_PREFIX);
  const known = newest.get(orderId);
  const found = executionOf(execution);
  const isNewer = known === undefined || execution.startTime > known.startedAt;
  if (known === undefined || isOpen(found) || (isNewer && !isOpen(known.execution))) {
    newest.set(orderId, { execution: found, startedAt: execution.startTime });
  }
}

function executionOf({ workflowId, status, memo, typedSearchAttributes }: Execution): OrderExecution {
  const tenantId = memo?.['tenantId'];
  return {
    workflowId,
    status: status.name,
    caseKind: typedSearchAttributes.get(CASE_KIND) ?? null,
    tenantId: typeof tenantId === 'string' ? tenantId : null,
  };
}

function orderIdOf(workflowId: string, prefix: string): string {
  const [orderId = ''] = workflowId.slice(prefix.length).split('/');
  return orderId;
}

function combine(
  workflows: ReadonlyMap<string, OrderExecution>,
  commandExecutions: ReadonlyMap<string, OrderExecution[]>,
): Map<string, OrderExecutions> {
  const orderIds = new Set([...workflows.keys(), ...commandExecutions.keys()]);
  return new Map(
    [...orderIds].map((orderId) => [
      orderId,
      { workflow: workflows.get(orderId) ?? null, commandExecutions: commandExecutions.get(orderId) ?? [] },
    ]),
  );
}
