import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { AuditedPart, AuditPartInput } from '../domain/scheduled-audit.ts';
import { AUDIT_POLICY } from './steps/background-policies.ts';

const { auditOrders } = proxyActivities<Activities>({
  activityId: 'audit-orders',
  summary: 'Audit some orders: waits for the databases, Temporal and the payment provider',
  taskQueue: 'orders',
  ...AUDIT_POLICY,
});

/** Checks some orders against the invariants; started by a schedule. Its result names what is broken. */
export async function auditOrdersWorkflow(input: AuditPartInput): Promise<AuditedPart> {
  return auditOrders(input);
}
