import { DECISION_DELIVERY } from '../../../src/domain/case.ts';
import type { Statement } from '../../client.ts';

/**
 * How a decision `d` ends together with its case `c`: carried out, or refused because the case had ended in another
 * way.
 */
export const END_OF_DECISION = `
  CASE WHEN d.action = c.resolution OR (c.resolution = 'step_succeeded' AND d.action IN ('retry', 'retryWith'))
    THEN 'carried_out' ELSE 'refused' END`;

const COLUMNS = `d.decision_id AS "decisionId", d.case_id AS "caseId", d.order_id AS "orderId", d.tenant_id AS "tenantId",
  d.case_version AS "caseVersion", d.action, d.patch, d.evidence, d.actor, d.reason, d.state`;

/** One decision of one tenant. */
export const FIND_DECISION: Statement = {
  name: 'find_case_decision',
  text: `SELECT ${COLUMNS} FROM orders.case_decisions d WHERE tenant_id = $1 AND decision_id = $2`,
};

/**
 * The first of two operators that saw the same version gets the case, and nobody gets it while a decision is on its
 * way. A proposal stays on the case until the case is resolved, or the proposal is withdrawn or replaced.
 */
export const DECIDE: Statement = {
  name: 'decide_case',
  text: `
WITH claimed AS (
  UPDATE orders.cases SET version = version + 1, owner = $4,
    proposal = CASE $10::text WHEN 'proposed' THEN jsonb_build_object('actor', $4::text, 'evidence', $8::text, 'reason', $9::text)
      WHEN 'withdrawn' THEN NULL ELSE proposal END
  WHERE tenant_id = $1 AND case_id = $2 AND version = $3 AND state = 'open'
    AND NOT EXISTS (SELECT FROM orders.case_decisions WHERE case_id = $2 AND state = 'decided')
  RETURNING case_id, order_id, tenant_id
), withdrawn AS (
  UPDATE orders.case_decisions d SET state = 'withdrawn', ended_at = now()
  FROM claimed WHERE d.case_id = claimed.case_id AND d.state = 'proposed' AND $10::text IN ('proposed', 'withdrawn')
)
INSERT INTO orders.case_decisions (decision_id, case_id, order_id, tenant_id, case_version, action, patch, evidence, actor,
  reason, state, due_at, ended_at)
SELECT $5, case_id, order_id, tenant_id, $3, $6, $7::jsonb, $8, $4, $9, $10,
  now() + interval '${DECISION_DELIVERY.firstAfterSeconds} seconds', CASE $10 WHEN 'withdrawn' THEN now() END
FROM claimed
RETURNING decision_id`,
};

/** Refuses a decision whose case has ended in another way, or whose workflow is gone. */
export const REFUSE_DECISION: Statement = {
  name: 'refuse_case_decision',
  text: `
UPDATE orders.case_decisions SET state = 'refused', ended_at = now() WHERE decision_id = $1 AND state = 'decided'`,
};

/** A worker of an earlier version resolves a case without ending its decisions; this statement ends them. */
export const END_LEFT_DECISIONS: Statement = {
  name: 'end_left_case_decisions',
  text: `
UPDATE orders.case_decisions d SET state = ${END_OF_DECISION}, ended_at = now()
FROM orders.cases c WHERE c.case_id = d.case_id AND c.state = 'resolved' AND d.state IN ('decided', 'proposed')`,
};

/** The oldest decisions that are due to be delivered; each is due again after a growing pause. */
export const TAKE_DUE_DECISIONS: Statement = {
  name: 'take_due_case_decisions',
  text: `
WITH due AS (
  SELECT decision_id FROM orders.case_decisions
  WHERE state = 'decided' AND due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE orders.case_decisions d SET deliveries = deliveries + 1,
    due_at = now() + interval '1 second' * least(${DECISION_DELIVERY.longestPauseSeconds},
      ${DECISION_DELIVERY.firstAfterSeconds} * 2 ^ least(deliveries + 1, 20))
  FROM due WHERE d.decision_id = due.decision_id
  RETURNING d.*
)
SELECT ${COLUMNS}, c.step_name AS step, c.workflow_id AS "workflowId"
FROM taken d JOIN orders.cases c USING (case_id)`,
};
