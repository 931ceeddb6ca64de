import type { Workflow } from '@temporalio/common';
import { setWorkflowOptions } from '@temporalio/workflow';
import { auditOrdersWorkflow } from './audit-workflow.ts';
import { sweepCommandsWorkflow } from './command-sweep-workflow.ts';
import { sweepDecisionsWorkflow } from './decision-sweep-workflow.ts';
import { maintainEventLogWorkflow } from './event-maintenance-workflow.ts';
import { eventPumpWorkflow, orderFeedWorkflow } from './event-pump-workflow.ts';
import { sweepNoticesWorkflow } from './notice-sweep-workflow.ts';
import { notificationWorkflow } from './notification-workflow.ts';
import { mailOperatorsWorkflow } from './operator-mail-workflow.ts';
import { redriveWorkflow } from './redrive-workflow.ts';
import { sweepHoldsWorkflow } from './sweep-workflow.ts';
import { sweepWebhooksWorkflow, webhookWorkflow } from './webhook-workflow.ts';

/** The workflows that the bundle registers. With worker versioning, these stay with the build that began them: */
export { noticeWorkflow } from './notice-workflow.ts';
export { orderCommandWorkflow } from './order-command-workflow.ts';
export { orderWorkflow } from './order-workflow.ts';

/** These move to the current build: they run for days or for ever, so old builds would have to run as long. */
const moving: readonly Workflow[] = [
  auditOrdersWorkflow,
  eventPumpWorkflow,
  mailOperatorsWorkflow,
  maintainEventLogWorkflow,
  notificationWorkflow,
  orderFeedWorkflow,
  redriveWorkflow,
  sweepCommandsWorkflow,
  sweepDecisionsWorkflow,
  sweepHoldsWorkflow,
  sweepNoticesWorkflow,
  sweepWebhooksWorkflow,
  webhookWorkflow,
];
for (const workflow of moving) setWorkflowOptions({ versioningBehavior: 'AUTO_UPGRADE' }, workflow);

export {
  auditOrdersWorkflow,
  eventPumpWorkflow,
  mailOperatorsWorkflow,
  maintainEventLogWorkflow,
  notificationWorkflow,
  orderFeedWorkflow,
  redriveWorkflow,
  sweepCommandsWorkflow,
  sweepDecisionsWorkflow,
  sweepHoldsWorkflow,
  sweepNoticesWorkflow,
  sweepWebhooksWorkflow,
  webhookWorkflow,
};
