import { createAudit, type AuditOptions, type AuditReport } from '../../src/audit/audit.ts';
import type { TestSystem } from './system.ts';

/** Audits all orders of a system, with the ledger of its payment provider. */
export function auditOf(
  { database: { databases }, client, simulatorUrl: paymentGatewayUrl }: TestSystem,
  options: AuditOptions = {},
): Promise<AuditReport> {
  return createAudit({ databases, client, paymentGatewayUrl }, options).run();
}
