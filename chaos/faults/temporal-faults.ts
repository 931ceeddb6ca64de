import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { createTemporalClient } from '../../src/temporal/connection.ts';
import { hasRow, repairOrders } from '../operator-tools.ts';
import type { Random } from '../random.ts';
import type { FaultKind, Heal } from './fault-kind.ts';

/** Workflows that one fault strikes. */
const STRUCK_MAX = 3;

/** Open workflows that they are chosen from. */
const LISTED_MAX = 200;

/** An order's first workflow; commands after its end have workflows of their own. */
const OPEN_ORDERS = "WorkflowType = 'orderWorkflow' AND ExecutionStatus = 'Running'";
const OPEN_WORK =
  "WorkflowType IN ('orderWorkflow', 'orderCommandWorkflow', 'noticeWorkflow', 'notificationWorkflow', 'webhookWorkflow', 'eventPumpWorkflow', 'orderFeedWorkflow') AND ExecutionStatus = 'Running'";

/** A wish to Temporal is repeated until Temporal has taken it; a fault of its own may be under way. */
const WISH_TRIES = 5;

/** Longest time of one call; Temporal itself may be away. */
const CALL_WITHIN_MS = 3_000;

async function wish(client: Client, act: () => Promise<unknown>): Promise<boolean> {
  for (let tries = 1; tries <= WISH_TRIES; tries += 1) {
    try {
      await client.connection.withDeadline(Date.now() + CALL_WITHIN_MS, act);
      return true;
    } catch (error) {
      // It has ended meanwhile.
      if (String(error).includes('not found') || String(error).includes('already completed')) return false;
      await sleep(200);
    }
  }
  return false;
}

async function listSome(client: Client, query: string, random: Random): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  await client.connection.withDeadline(Date.now() + CALL_WITHIN_MS, async () => {
    for await (const info of client.workflow.list({ query, pageSize: LISTED_MAX })) {
      found.push(info);
      if (found.length === LISTED_MAX) break;
    }
  });
  return random.shuffle(found).slice(0, STRUCK_MAX);
}

interface Strike {
  readonly name: string;
  readonly query: string;
  readonly act: (client: Client, info: WorkflowExecutionInfo, namespace: string) => Promise<unknown>;
  /** Ends what the act has begun. */
  readonly undo?: (client: Client, info: WorkflowExecutionInfo, namespace: string) => Promise<unknown>;
  /** Whether it leaves orders that an operator must repair. */
  readonly isMended?: boolean;
  /**
   * Whether only orders with a row are struck. Before its row is written, an accepted order is known to Temporal alone,
   * and nobody can bring back what was deleted there.
   */
  readonly needsRow?: boolean;
}

/** An action of Temporal's own tools on workflows that are open just now. */
function strikes({ name, query, act, undo, isMended = false, needsRow = false }: Strike): FaultKind {
  return {
    name,
    lengthMs: [500, 5_000],
    targets: () => ['workflows'],
    begin: async ({ system, random, history, afterwards }) => {
      const { namespace, temporalAddress: address } = system;
      const client = createTemporalClient({ address, namespace });
      const struck: WorkflowExecutionInfo[] = [];
      try {
        for (const info of await listSome(client, query, random)) {
          if (needsRow && !(await hasRow(system, orderOf(info)))) continue;
          if (!(await wish(client, () => act(client, info, namespace)))) continue;
          struck.push(info);
          history.write({
            who: 'nemesis',
            op: name,
            order: orderOf(info),
            type: 'ok',
            data: { workflow: info.workflowId },
          });
        }
      } catch (error) {
        await client.connection.close();
        throw error;
      }
      if (isMended && struck.length > 0) afterwards('repair', () => repairOrders(system));
      const heal: Heal = async () => {
        if (undo !== undefined) for (const info of struck) await wish(client, () => undo(client, info, namespace));
        await client.connection.close();
      };
      return heal;
    },
  };
}

/** `order/ord_…` and `order-command/ord_…/…` name their order. */
function orderOf({ workflowId }: WorkflowExecutionInfo): string | null {
  return workflowId.split('/').find((part) => part.startsWith('ord_')) ?? null;
}

/** History begins with the start and the first workflow task; a reset goes back to the end of that task. */
async function resetToFirstTask(client: Client, { workflowId, runId }: WorkflowExecutionInfo, namespace: string) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId, runId },
    maximumPageSize: 20,
  });
  const completed = history?.events?.find(({ workflowTaskCompletedEventAttributes: task }) => task != null);
  if (completed?.eventId == null) throw new Error('no workflow task: not found');
  await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId, runId },
    reason: 'chaos',
    workflowTaskFinishEventId: completed.eventId,
    requestId: `chaos-${workflowId}-${runId}`,
  });
}

/** Pauses or unpauses whatever activities wait. */
async function eachPendingActivity(
  client: Client,
  info: WorkflowExecutionInfo,
  act: (id: string) => Promise<unknown>,
): Promise<void> {
  const { raw } = await client.workflow.getHandle(info.workflowId).describe();
  const ids = (raw.pendingActivities ?? []).flatMap(({ activityId }) => (activityId ? [activityId] : []));
  if (ids.length === 0) throw new Error('no pending activity: not found');
  for (const id of ids) await act(id);
}

const SCHEDULES_PAUSED_NOTE = 'chaos';

/** All schedules (sweeps, maintenance, audit) are paused, and go on later. */
const pauseSchedules: FaultKind = {
  name: 'schedules-paused',
  lengthMs: [2_000, 10_000],
  targets: () => ['schedules'],
  begin: async ({ system }) => {
    const client = createTemporalClient({ address: system.temporalAddress, namespace: system.namespace });
    const ids: string[] = [];
    for await (const { scheduleId } of client.schedule.list()) ids.push(scheduleId);
    for (const id of ids) await wish(client, () => client.schedule.getHandle(id).pause(SCHEDULES_PAUSED_NOTE));
    return async () => {
      for (const id of ids) await wish(client, () => client.schedule.getHandle(id).unpause(SCHEDULES_PAUSED_NOTE));
      await client.connection.close();
    };
  },
};

/** What people do with Temporal's own tools. */
export const TEMPORAL_FAULTS: readonly FaultKind[] = [
  strikes({
    name: 'terminate-workflows',
    query: OPEN_ORDERS,
    act: (client, { workflowId }) => client.workflow.getHandle(workflowId).terminate('chaos'),
    isMended: true,
  }),
  strikes({
    name: 'delete-workflows',
    query: OPEN_ORDERS,
    act: (client, { workflowId, runId }, namespace) =>
      client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } }),
    isMended: true,
    needsRow: true,
  }),
  strikes({ name: 'reset-workflows', query: OPEN_ORDERS, act: resetToFirstTask }),
  strikes({
    name: 'cancel-workflows',
    query: OPEN_ORDERS,
    act: (client, { workflowId }) => client.workflow.getHandle(workflowId).cancel(),
  }),
  strikes({
    name: 'pause-activities',
    query: OPEN_WORK,
    act: (client, info, namespace) =>
      eachPendingActivity(client, info, (id) =>
        client.workflowService.pauseActivity({ namespace, execution: { workflowId: info.workflowId }, id }),
      ),
    undo: (client, info, namespace) =>
      eachPendingActivity(client, info, (id) =>
        client.workflowService.unpauseActivity({ namespace, execution: { workflowId: info.workflowId }, id }),
      ),
  }),
  pauseSchedules,
];
