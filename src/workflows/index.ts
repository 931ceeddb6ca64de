/** The workflows that the bundle registers. With worker versioning, versioned.ts says which of them move. */
export { orderWorkflow } from './order-workflow.ts';
export { orderCommandWorkflow } from './order-command-workflow.ts';
export { notificationWorkflow } from './notification-workflow.ts';
export { noticeWorkflow } from './notice-workflow.ts';
export { redriveWorkflow } from './redrive-workflow.ts';
export { sweepWebhooksWorkflow, webhookWorkflow } from './webhook-workflow.ts';
export { sweepHoldsWorkflow } from './sweep-workflow.ts';
export { eventPumpWorkflow, orderFeedWorkflow } from './event-pump-workflow.ts';
export { maintainEventLogWorkflow } from './event-maintenance-workflow.ts';
export { sweepCommandsWorkflow } from './command-sweep-workflow.ts';
export { sweepNoticesWorkflow } from './notice-sweep-workflow.ts';
export { sweepDecisionsWorkflow } from './decision-sweep-workflow.ts';
export { mailOperatorsWorkflow } from './operator-mail-workflow.ts';
export { auditOrdersWorkflow } from './audit-workflow.ts';
