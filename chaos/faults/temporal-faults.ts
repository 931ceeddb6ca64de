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

/** An order takes some tens of milliseconds, so one look may find none that is open. */
const LOOKS_MAX = 12;
const LOOK_AGAIN_MS = 250;

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
      // It has ended meanwhile: by itself, or by an earlier try whose answer was lost.
      if (String(error).includes('not found') || String(error).includes('already completed')) return tries > 1;
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
  /** As in `FaultKind`. */
  readonly needsRepair?: boolean;
  /**
   * Whether only orders with a row are struck. Before its row is written, an accepted order is known to Temporal alone,
   * and nobody can bring back what was deleted there.
   */
  readonly needsRow?: boolean;
}

/** An action of Temporal's own tools on workflows that are open just now. */
function strikes({ name, query, act, undo, needsRepair = false, needsRow = false }: Strike): FaultKind {
  return {
    name,
    lengthMs: [500, 5_000],
    targets: () => ['workflows'],
    needsRepair,
    begin: async ({ system, random, history, afterwards }) => {
      const { namespace, temporalAddress: address } = system;
      // A fault that fails halfway may have struck an order.
      if (needsRepair) afterwards('repair', () => repairOrders(system));
      const client = createTemporalClient({ address, namespace });
      const strikeSome = async (): Promise<WorkflowExecutionInfo[]> => {
        const struck: WorkflowExecutionInfo[] = [];
        for (const info of await listSome(client, query, random)) {
          if (needsRow && !(await hasRow(system, orderOf(info)))) continue;
          if (!(await wish(client, () => act(client, info, namespace)))) continue;
          struck.push(info);
          const data = { workflow: info.workflowId };
          history.write({ who: 'nemesis', op: name, order: orderOf(info), type: 'ok', data });
        }
        return struck;
      };
      let struck: WorkflowExecutionInfo[] = [];
      try {
        for (let look = 1; struck.length === 0; look += 1) {
          if (look > LOOKS_MAX) throw new Error('there was nothing to strike');
          if (look > 1) await sleep(LOOK_AGAIN_MS);
          struck = await strikeSome();
        }
      } catch (error) {
        await client.connection.close();
        throw error;
      }
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
    if (ids.length === 0) {
      await client.connection.close();
      throw new Error('there was nothing to strike');
    }
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
    needsRepair: true,
  }),
  strikes({
    name: 'delete-workflows',
    query: OPEN_ORDERS,
    act: (client, { workflowId, runId }, namespace) =>
      client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } }),
    needsRepair: true,
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
