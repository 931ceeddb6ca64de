import type { CaseReport } from '../../src/domain/case.ts';
import type { Database, Statement } from '../client.ts';

/** A failure that an order waits on. */
export interface OpenCase extends CaseReport {
  readonly caseId: string;
  readonly orderId: string;
  readonly tenantId: string;
}

/** Cases: one open at most per order and step. */
export interface CaseRepository {
  /** Opens a case or, if one is open for the step, counts another failure; with its order event. */
  open(report: OpenCase): Promise<{ readonly caseId: string }>;
  /** Closes the step's open case with an order event; harmless when there is none. */
  resolve(orderId: string, step: string, resolution: string, actor: string): Promise<void>;
}

/** Creates the repository over the `orders` schema. */
export function createCaseRepository(db: Database): CaseRepository {
  return {
    open: async (report) => {
      const [row] = await db.run<{ caseId: string }>(OPEN_CASE, [
        report.caseId,
        report.orderId,
        report.tenantId,
        report.step,
        report.errorCode,
        report.message,
        `${report.step}/${report.errorCode}`,
      ]);
      return { caseId: row?.caseId ?? report.caseId };
    },
    resolve: async (orderId, step, resolution, actor) => {
      await db.run(RESOLVE_CASE, [orderId, step, resolution, actor]);
    },
  };
}

/** The order's version moves with the event, so an order without a row (its first step failed) gets no event. */
const OPEN_CASE: Statement = {
  name: 'open_case',
  text: `
WITH seen AS (
  INSERT INTO orders.cases AS c
    (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version)
  VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 'open', 1)
  ON CONFLICT (order_id, step) WHERE state = 'open' DO UPDATE
    SET error_code = excluded.error_code, message = excluded.message, fingerprint = excluded.fingerprint,
      attempts = c.attempts + 1, last_seen_at = now()
  RETURNING case_id, order_id, attempts
), opened AS (
  UPDATE orders.orders o SET version = o.version + 1, updated_at = now()
  FROM seen WHERE o.order_id = seen.order_id AND seen.attempts = 1
  RETURNING o.order_id, o.tenant_id, o.version
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, 'case.opened', NULL, NULL, 'system',
    jsonb_build_object('step', $4::text, 'errorCode', $5::text) FROM opened
)
SELECT case_id AS "caseId" FROM seen`,
};

const RESOLVE_CASE: Statement = {
  name: 'resolve_case',
  text: `
WITH resolved AS (
  UPDATE orders.cases SET state = 'resolved', resolution = $3, resolved_at = now(), version = version + 1
  WHERE order_id = $1 AND step = $2 AND state = 'open'
  RETURNING order_id
), noted AS (
  UPDATE orders.orders o SET version = o.version + 1, updated_at = now()
  FROM resolved WHERE o.order_id = resolved.order_id
  RETURNING o.order_id, o.tenant_id, o.version
)
INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
SELECT order_id, version, tenant_id, 'case.resolved', NULL, NULL, $4,
  jsonb_build_object('step', $2::text, 'resolution', $3::text) FROM noted`,
};
