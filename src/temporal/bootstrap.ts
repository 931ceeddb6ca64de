import {
  type Client,
  type Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import { EVENT_CONSUMERS } from '../domain/event.ts';
import {
  AUDIT_SCHEDULE_ID,
  AUDIT_WORKFLOW,
  DECISION_SWEEP_SCHEDULE_ID,
  DECISION_SWEEP_WORKFLOW,
  EVENT_MAINTENANCE_SCHEDULE_ID,
  EVENT_MAINTENANCE_WORKFLOW,
  EVENT_PUMP_WORKFLOW,
  eventPumpWorkflowId,
  COMMAND_SWEEP_SCHEDULE_ID,
  COMMAND_SWEEP_WORKFLOW,
  NOTICE_SWEEP_SCHEDULE_ID,
  NOTICE_SWEEP_WORKFLOW,
  OPERATOR_MAIL_SCHEDULE_ID,
  OPERATOR_MAIL_WORKFLOW,
  ORDER_FEED_ID,
  ORDER_FEED_WORKFLOW,
  SWEEP_SCHEDULE_ID,
  SWEEP_WORKFLOW,
  WEBHOOK_SWEEP_SCHEDULE_ID,
  WEBHOOK_SWEEP_WORKFLOW,
} from '../workflows/contract.ts';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.ts';
import type { TemporalOptions } from './connection.ts';

/**
 * Registers the search attributes that workflows set, or verifies that they exist. Setting an unknown attribute would
 * fail the workflow task for ever, so a process must not start without them.
 */
export async function ensureSearchAttributes(client: Client, { namespace }: TemporalOptions): Promise<void> {
  const { operatorService } = client.connection as Connection;
  const missing = async (): Promise<typeof SEARCH_ATTRIBUTES> => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return SEARCH_ATTRIBUTES.filter(({ name, number }) => customAttributes?.[name] !== number);
  };
  // One after the other, because a server on PostgreSQL draws the columns of one request in any order.
  for (const { name, number } of await missing()) {
    await operatorService
      .addSearchAttributes({ namespace, searchAttributes: { [name]: number } })
      // Another process may have been first; it only matters that the attribute exists now.
      .catch(() => {});
  }
  const left = await missing();
  if (left.length > 0) throw new Error(missingAttributes(left, namespace));
}

function missingAttributes(left: typeof SEARCH_ATTRIBUTES, namespace: string): string {
  const commands = left.map(
    ({ name, word }) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${word}`,
  );
  const names = left.map(({ name }) => name).join(', ');
  return `Search attributes are missing in namespace ${namespace}: ${names}. Create them:\n${commands.join('\n')}`;
}

/**
 * How often sweeps run, which is the longest time that an expired hold blocks its pieces, and that a notice, command or
 * decision waits.
 */
const SWEEP_INTERVAL = '30s';

/** A webhook that was lost between its row and its signal waits at most this much longer than a minute. */
const WEBHOOK_SWEEP_INTERVAL = '60s';

/** The sweeps by the ids of their schedules. */
const SWEEPS: Readonly<Record<string, ScheduledWorkflow>> = {
  [SWEEP_SCHEDULE_ID]: { workflowType: SWEEP_WORKFLOW, every: SWEEP_INTERVAL },
  [NOTICE_SWEEP_SCHEDULE_ID]: { workflowType: NOTICE_SWEEP_WORKFLOW, every: SWEEP_INTERVAL },
  [DECISION_SWEEP_SCHEDULE_ID]: { workflowType: DECISION_SWEEP_WORKFLOW, every: SWEEP_INTERVAL },
  [WEBHOOK_SWEEP_SCHEDULE_ID]: { workflowType: WEBHOOK_SWEEP_WORKFLOW, every: WEBHOOK_SWEEP_INTERVAL },
  [COMMAND_SWEEP_SCHEDULE_ID]: { workflowType: COMMAND_SWEEP_WORKFLOW, every: SWEEP_INTERVAL },
};

/**
 * Makes the schedules of the sweeps unless they exist. A missed run is caught up within a minute, or left to the next.
 */
export async function ensureSweepSchedules(client: Client): Promise<void> {
  for (const [scheduleId, sweep] of Object.entries(SWEEPS)) await ensureSchedule(client, scheduleId, sweep);
}

/** How often the audit runs, and how many orders each run looks at. */
export interface AuditSettings {
  /** 0 for never. */
  readonly intervalMinutes: number;
  readonly ordersMax: number;
}

/** Makes the schedule of the audit as the settings ask for it, or removes it. */
export async function ensureAuditSchedule(
  client: Client,
  { intervalMinutes, ordersMax }: AuditSettings,
): Promise<void> {
  if (intervalMinutes === 0) return removeSchedule(client, AUDIT_SCHEDULE_ID);
  const scheduled: ScheduledWorkflow = {
    workflowType: AUDIT_WORKFLOW,
    every: `${intervalMinutes}m`,
    args: [{ ordersMax }],
    triggerImmediately: true,
  };
  if (await ensureSchedule(client, AUDIT_SCHEDULE_ID, scheduled)) return;
  const handle = client.schedule.getHandle(AUDIT_SCHEDULE_ID);
  await handle.update((previous) => ({ ...previous, ...scheduleOf(AUDIT_SCHEDULE_ID, scheduled) }));
}

/** How soon operators hear of a case, when they were told of none for a while. */
const OPERATOR_MAIL_INTERVAL = '60s';

/** Makes the schedule of the mails to operators, or removes it. */
export async function ensureOperatorMailSchedule(client: Client, isOn: boolean): Promise<void> {
  if (!isOn) return removeSchedule(client, OPERATOR_MAIL_SCHEDULE_ID);
  const scheduled: ScheduledWorkflow = { workflowType: OPERATOR_MAIL_WORKFLOW, every: OPERATOR_MAIL_INTERVAL };
  await ensureSchedule(client, OPERATOR_MAIL_SCHEDULE_ID, scheduled);
}

async function removeSchedule(client: Client, scheduleId: string): Promise<void> {
  await client.schedule
    .getHandle(scheduleId)
    .delete()
    .catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
}

/** Days are opened some days ahead, so once an hour is often enough. */
const EVENT_MAINTENANCE_INTERVAL = '1h';

/**
 * Starts the parts of the event pipeline that do not run: one pump per consumer and partition, the feed of orders, and
 * the schedule that maintains the log.
 */
export async function ensureEventPumps(client: Client, partitions: number): Promise<void> {
  await ensureSchedule(client, EVENT_MAINTENANCE_SCHEDULE_ID, {
    workflowType: EVENT_MAINTENANCE_WORKFLOW,
    every: EVENT_MAINTENANCE_INTERVAL,
    triggerImmediately: true,
  });
  const start = (type: string, options: { workflowId: string; staticSummary: string; args: unknown[] }) =>
    client.workflow.start(type, { ...options, taskQueue: 'orders', workflowIdConflictPolicy: 'USE_EXISTING' });
  const staticSummary = 'Moves the transitions of orders, cases and failures into the event log';
  await start(ORDER_FEED_WORKFLOW, { workflowId: ORDER_FEED_ID, staticSummary, args: [] });
  for (const consumer of EVENT_CONSUMERS) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const input = { consumer, partition };
      await start(EVENT_PUMP_WORKFLOW, {
        workflowId: eventPumpWorkflowId(input),
        staticSummary: `${consumer} reads partition ${partition}`,
        args: [input],
      });
    }
  }
}

interface ScheduledWorkflow {
  readonly workflowType: string;
  readonly every: '30s' | '60s' | '1h' | `${number}m`;
  readonly args?: unknown[];
  readonly triggerImmediately?: boolean;
}

/** Makes the schedule unless it exists. Returns whether it was made. */
async function ensureSchedule(client: Client, scheduleId: string, scheduled: ScheduledWorkflow): Promise<boolean> {
  const { triggerImmediately = false } = scheduled;
  try {
    await client.schedule.create({ scheduleId, ...scheduleOf(scheduleId, scheduled), state: { triggerImmediately } });
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    return false;
  }
}

type ScheduleParts = Pick<
  ScheduleOptions<ScheduleOptionsStartWorkflowAction<Workflow>>,
  'spec' | 'action' | 'policies'
>;

function scheduleOf(scheduleId: string, { workflowType, every, args = [] }: ScheduledWorkflow): ScheduleParts {
  return {
    spec: { intervals: [{ every }] },
    action: { type: 'startWorkflow', workflowType, args, taskQueue: 'orders', workflowId: scheduleId },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
  };
}
