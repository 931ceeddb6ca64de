import { proxyActivities } from '@temporalio/workflow';
import type { EventActivities } from '../activities/index.ts';
import { EVENT_MAINTENANCE_POLICY } from './steps/background-policies.ts';

const { maintainEventLog } = proxyActivities<EventActivities>({
  taskQueue: 'events',
  summary: 'Open and drop days of the event log: waits for the database of events',
  ...EVENT_MAINTENANCE_POLICY,
});

/** Opens the days to come and drops those past the retention; started by a schedule. */
export async function maintainEventLogWorkflow(): Promise<{ readonly droppedDays: string[] }> {
  return maintainEventLog();
}
