import type { Statement } from '../client.ts';

/** The order's version moves with the event, so an order without a row (its first step failed) gets no event. */
export const OPEN_CASE: Statement = {
  name: 'open_case',
  text: `
WITH seen AS (
  INSERT INTO orders.cases AS c
    (case_id, order_id, tenant_id, step, error_code, message, fingerprint, attempts, state, version, workflow_id, input,
     actions)
  VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 'open', 1, $8, $9::jsonb, $10::jsonb)
  ON CONFLICT (order_id, step) WHERE state = 'open' DO UPDATE
    SET error_code = excluded.error_code, message = excluded.message, fingerprint = excluded.fingerprint,
      attempts = c.attempts + 1, last_seen_at = now(), version = c.version + 1, workflow_id = excluded.workflow_id,
      input = excluded.input, actions = excluded.actions
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

/** Closes the step's open case with an order event; a proposal ends with it. */
export const RESOLVE_CASE: Statement = {
  name: 'resolve_case',
  text: `
WITH resolved AS (
  UPDATE orders.cases SET state = 'resolved', resolution = $3, resolved_at = now(), version = version + 1, proposal = NULL
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

const COLUMNS = `case_id AS "caseId", order_id AS "orderId", tenant_id AS "tenantId", step, error_code AS "errorCode",
  message, fingerprint, attempts, state, resolution, workflow_id AS "workflowId", input, actions, owner, proposal,
  version, opened_at AS "openedAt", last_seen_at AS "lastSeenAt", resolved_at AS "resolvedAt"`;

/** One case of one tenant. */
export const FIND_CASE: Statement = {
  name: 'find_case',
  text: `SELECT ${COLUMNS} FROM orders.cases WHERE tenant_id = $1 AND case_id = $2`,
};

/** Newest first; every filter may be null. */
export const LIST_CASES: Statement = {
  name: 'list_cases',
  text: `
SELECT ${COLUMNS} FROM orders.cases
WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR step = $3)
  AND ($4::text IS NULL OR error_code = $4) AND ($5::text IS NULL OR fingerprint = $5)
  AND ($6::text IS NULL OR order_id = $6)
  AND ($7::timestamptz IS NULL OR (opened_at, case_id) < ($7, $8::text))
ORDER BY opened_at DESC NULLS LAST, case_id DESC LIMIT $9`,
};

/** The first of two operators that saw the same version gets it. */
export const CLAIM_CASE: Statement = {
  name: 'claim_case',
  text: `
UPDATE orders.cases SET version = version + 1, owner = $4, proposal = coalesce($5::jsonb, proposal)
WHERE tenant_id = $1 AND case_id = $2 AND version = $3 AND state = 'open'
RETURNING ${COLUMNS}`,
};

/** Open cases of one cause, oldest first, for a redrive. */
export const LIST_CAUSE: Statement = {
  name: 'list_cause',
  text: `
SELECT case_id AS "caseId", workflow_id AS "workflowId", step, attempts FROM orders.cases
WHERE tenant_id = $1 AND fingerprint = $2 AND state = 'open'
ORDER BY opened_at, case_id LIMIT $3`,
};

/** What became of some cases. */
export const CASE_PROGRESS: Statement = {
  name: 'case_progress',
  text: 'SELECT case_id AS "caseId", state, attempts FROM orders.cases WHERE case_id = ANY ($1::text[])',
};

/** Open cases and the age of the oldest, over all tenants, for the metrics. */
export const CASE_AGE: Statement = {
  name: 'case_age',
  text: `
SELECT count(*)::integer AS open, coalesce(extract(epoch FROM now() - min(opened_at)), 0)::float8 AS "oldestSeconds"
FROM orders.cases WHERE state = 'open'`,
};
