import { log } from '@temporalio/activity';
import { isOrderId, randomId } from '../domain/ids.ts';
import type { AuditedPart, AuditFinding, AuditPartInput } from '../domain/scheduled-audit.ts';
import type { LogFields } from '../domain/log-fields.ts';

/** The audit as far as its activity needs it. */
export interface PartialAudit {
  runPart(part: {
    readonly from: string;
    readonly ordersMax: number;
    readonly eventPlace: number;
  }): Promise<{ readonly orders: number; readonly skus: number; readonly violations: readonly AuditFinding[] }>;
}

export interface AuditActivityDeps {
  readonly audit: PartialAudit;
}

/** Findings in a result; more than these are one incident, and `npm run audit` lists all of them. */
const FINDINGS_MAX = 20;

/** The step of the scheduled audit. */
export function createAuditActivities({ audit }: AuditActivityDeps) {
  return {
    /**
     * Effect: none; it reads some orders in every schema and in Temporal, the stock of some of their SKUs, and a
     * stretch of the event log, and compares them.
     * Key: none is needed.
     * Outcomes: how many orders and SKUs were looked at, and the rules that are broken.
     * Failures: a source that does not answer, retryable.
     * Undo: none.
     */
    async auditOrders({ ordersMax }: AuditPartInput): Promise<AuditedPart> {
      // Ids are hashes, so each run from a random one looks at a fair sample, and no place has to be remembered.
      const part = { from: randomId('ord'), ordersMax, eventPlace: Math.random() };
      const { orders, skus, violations } = await audit.runPart(part);
      for (const { invariant, subject } of violations.slice(0, FINDINGS_MAX)) {
        const named: LogFields = isOrderId(subject) ? { orderId: subject } : { subject };
        log.error('the audit found a broken rule', { ...named, reason: invariant } satisfies LogFields);
      }
      const counts: Record<string, number> = {};
      for (const { invariant } of violations) counts[invariant] = (counts[invariant] ?? 0) + 1;
      return { orders, skus, violations: counts, findings: violations.slice(0, FINDINGS_MAX) };
    },
  };
}
