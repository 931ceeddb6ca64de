/** What the workflow bundle registers. */
export { orderWorkflow } from './order-workflow.ts';
export { notificationWorkflow } from './notification-workflow.ts';
export { sweepHoldsWorkflow } from './sweep-workflow.ts';
