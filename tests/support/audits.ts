import { createAudit, type AuditOptions, type AuditReport } from '../../src/audit/audit.ts';
import type { TestSystem } from './system.ts';

/** The usual minute, and more for a busy machine; only what would fail waits for it. */
const PATIENCE_MS = 100_000;

/** Audits all orders of a system, with the ledger of its payment provider. */
export function auditOf(
  { database: { databases }, client, simulatorUrl: paymentGatewayUrl }: TestSystem,
  options: AuditOptions = {},
): Promise<AuditReport> {
  return createAudit({ databases, client, paymentGatewayUrl }, { patienceMs: PATIENCE_MS, ...options }).run();
}
