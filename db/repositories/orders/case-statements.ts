import type { Statement } from '../../client.ts';
import { END_OF_DECISION } from './decision-statements.ts';

/** While a case of another workflow is open at the step, `step` contains the workflow too: see `orders.cases`. */
const STEP_OF_ITS_OWN = `
  CASE WHEN EXISTS (
    SELECT FROM orders.cases WHERE order_id = $2 AND step = $4 AND state = 'open' AND workflow_id <> $8
  ) THEN $4 || '@' || $8 ELSE $4 END`;

/**
 * Attempts of the system do not raise the case's version, so that a person who reads for longer than the pauses between
 * attempts can still decide. The event raises the order's version, so an order without a row (its first step failed)
 * gets no event.
 */
export const OPEN_CASE: Statement = {
  name: 'open_case',
  text: `
WITH seen AS (
  INSERT INTO orders.cases AS c
    (case_id, order_id, tenant_id, step, error_code, message, fingerprint, workflow_id, input, actions, attempts,
     mismatch, trace_id, state, version)
  VALUES ($1, $2, $3, ${STEP_OF_ITS_OWN}, $5, $6, $7, $8, $9::jsonb, $10::jsonb, $11, $12::jsonb, $14, 'open', 1)
  ON CONFLICT (order_id, step_name, workflow_id) WHERE state = 'open' DO UPDATE
    SET error_code = excluded.error_code, message = excluded.message, fingerprint = excluded.fingerprint,
      attempts = c.attempts + excluded.attempts, last_seen_at = now(), input = excluded.input,
      actions = excluded.actions, mismatch = excluded.mismatch
  RETURNING case_id, order_id
), decided AS (
  UPDATE orders.case_decisions SET state = 'failed_again', ended_at = now()
  WHERE decision_id = $13 AND state = 'decided'
), opened AS (
  UPDATE orders.orders o SET version = o.version + 1, updated_at = now()
  FROM seen WHERE o.order_id = seen.order_id AND seen.case_id = $1
  RETURNING o.order_id, o.tenant_id, o.version
), event AS (
  INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
  SELECT order_id, version, tenant_id, 'case.opened', NULL, NULL, 'system',
    jsonb_build_object('step', $4::text, 'errorCode', $5::text) FROM opened
)
SELECT case_id AS "caseId" FROM seen`,
};

/**
 * Closes the open case of a workflow's step and writes an order event; the case's proposal and its decisions end with
 * it.
 */
export const RESOLVE_CASE: Statement = {
  name: 'resolve_case',
  text: `
WITH resolved AS (
  UPDATE orders.cases SET state = 'resolved', resolution = $3, resolved_at = now(), version = version + 1, proposal = NULL
  WHERE order_id = $1 AND step_name = $2 AND workflow_id IN ($5, '') AND state = 'open'
  RETURNING case_id, order_id, resolution
), decided AS (
  UPDATE orders.case_decisions d SET state = ${END_OF_DECISION}, ended_at = now()
  FROM resolved c WHERE d.case_id = c.case_id AND d.ended_at IS NULL
), noted AS (
  UPDATE orders.orders o SET version = o.version + 1, updated_at = now()
  FROM (SELECT DISTINCT order_id FROM resolved) c WHERE o.order_id = c.order_id
  RETURNING o.order_id, o.tenant_id, o.version
)
INSERT INTO orders.order_events (order_id, seq, tenant_id, type, from_status, to_status, actor, data)
SELECT order_id, version, tenant_id, 'case.resolved', NULL, NULL, $4,
  jsonb_build_object('step', $2::text, 'resolution', $3::text) FROM noted`,
};

/**
 * The steps of a workflow with an open case, each with the person whose retry was under way; `system` when nobody's was.
 */
export const LIST_LEFT: Statement = {
  name: 'list_left_cases',
  text: `
SELECT c.step_name AS step, coalesce(d.actor, 'system') AS actor
FROM orders.cases c
LEFT JOIN orders.case_decisions d ON d.case_id = c.case_id AND d.state = 'decided' AND d.action IN ('retry', 'retryWith')
WHERE c.order_id = $1 AND c.workflow_id = $2 AND c.state = 'open'`,
};

/** The columns of a case that operators and redrives see. */
const COLUMNS = `case_id AS "caseId", order_id AS "orderId", tenant_id AS "tenantId", step_name AS step,
  error_code AS "errorCode", message, fingerprint, attempts, mismatch, state, resolution, workflow_id AS "workflowId",
  trace_id AS "traceId", input,
  actions, owner, proposal, version, opened_at AS "openedAt", last_seen_at AS "lastSeenAt", resolved_at AS "resolvedAt"`;

/** One case of one tenant. */
export const FIND_CASE: Statement = {
  name: 'find_case',
  text: `SELECT ${COLUMNS} FROM orders.cases WHERE tenant_id = $1 AND case_id = $2`,
};

/** The cases, newest first; every filter may be null. */
export const LIST_CASES: Statement = {
  name: 'list_cases',
  text: `
SELECT ${COLUMNS} FROM orders.cases
WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR step_name = $3)
  AND ($4::text IS NULL OR error_code = $4) AND ($5::text IS NULL OR fingerprint = $5)
  AND ($6::text IS NULL OR order_id = $6)
  AND ($7::timestamptz IS NULL OR (opened_at, case_id) < ($7, $8::text))
ORDER BY opened_at DESC NULLS LAST, case_id DESC LIMIT $9`,
};

/** Open cases of one cause, oldest first, for a redrive. */
export const LIST_CAUSE: Statement = {
  name: 'list_cause',
  text: `
SELECT case_id AS "caseId", workflow_id AS "workflowId", step_name AS step, attempts FROM orders.cases
WHERE tenant_id = $1 AND fingerprint = $2 AND state = 'open'
ORDER BY opened_at, case_id LIMIT $3`,
};

/** State and failures of the given cases. */
export const CASE_PROGRESS: Statement = {
  name: 'case_progress',
  text: 'SELECT case_id AS "caseId", state, attempts FROM orders.cases WHERE case_id = ANY ($1::text[])',
};

/** The orders that have at least one open case. */
export const LIST_PARKED: Statement = {
  name: 'list_parked',
  text: `SELECT DISTINCT order_id AS "orderId" FROM orders.cases WHERE order_id = ANY ($1::text[]) AND state = 'open'`,
};

/** The number of open cases and the age of the oldest, over all tenants, for the metrics. */
export const CASE_AGE: Statement = {
  name: 'case_age',
  text: `
SELECT count(*)::integer AS open, coalesce(extract(epoch FROM now() - min(opened_at)), 0)::float8 AS "oldestSeconds"
FROM orders.cases WHERE state = 'open'`,
};
