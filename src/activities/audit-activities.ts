import { log } from '@temporalio/activity';
import { randomId } from '../domain/ids.ts';
import type { AuditedPart, AuditFinding, AuditPartInput } from '../domain/scheduled-audit.ts';
import type { LogFields } from '../domain/log-fields.ts';

/** The audit as far as its activity needs it. */
export interface PartialAudit {
  runPart(
    from: string,
    ordersMax: number,
  ): Promise<{ readonly orders: number; readonly violations: readonly AuditFinding[] }>;
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
     * Effect: none; it reads some orders in every schema and in Temporal, and compares them.
     * Key: none is needed.
     * Outcomes: how many orders were looked at, and the rules that they break.
     * Failures: a source that does not answer, retryable.
     * Undo: none.
     */
    async auditOrders({ ordersMax }: AuditPartInput): Promise<AuditedPart> {
      // Ids are hashes, so each run from a random one looks at a fair sample, and no place has to be remembered.
      const { orders, violations } = await audit.runPart(randomId('ord'), ordersMax);
      for (const { invariant, subject } of violations.slice(0, FINDINGS_MAX)) {
        log.error('the audit found a broken rule', { orderId: subject, reason: invariant } satisfies LogFields);
      }
      const counts: Record<string, number> = {};
      for (const { invariant } of violations) counts[invariant] = (counts[invariant] ?? 0) + 1;
      return { orders, violations: counts, findings: violations.slice(0, FINDINGS_MAX) };
    },
  };
}
