import type { UnpublishedCaseChange } from '../../../src/domain/case.ts';
import type { UnpublishedTransition } from '../../../src/domain/order-transition.ts';
import type { Database, Statement } from '../../client.ts';

/** Events of orders and of their cases that the event stream does not have yet. */
export interface EventOutboxRepository {
  /** The oldest transitions; those of one order are in their order. */
  list(limit: number): Promise<UnpublishedTransition[]>;
  /** Removes transitions that the stream has. */
  remove(transitions: readonly Pick<UnpublishedTransition, 'position'>[]): Promise<void>;
  /** The oldest changes of cases. */
  listCaseChanges(limit: number): Promise<UnpublishedCaseChange[]>;
  /** Removes changes that the stream has. */
  removeCaseChanges(changes: readonly Pick<UnpublishedCaseChange, 'position'>[]): Promise<void>;
}

/**
 * Facts that change during an order's life (its total, the reason of its end) come from the events up to this one and
 * never from the row, which may have moved on. Facts that never change come from the row. Only an event that ends an
 * order without a sale has a reason of ours; other events keep the words of the person who asked for them in the same
 * field.
 */
const LIST_UNPUBLISHED: Statement = {
  name: 'list_unpublished_transitions',
  text: `
SELECT b.position, e.order_id AS "orderId", e.seq, e.tenant_id AS "tenantId", e.type, e.data,
  e.from_status AS "from", coalesce(e.to_status, (
    SELECT earlier.to_status FROM orders.order_events earlier
    WHERE earlier.order_id = e.order_id AND earlier.seq < e.seq AND earlier.to_status IS NOT NULL
    ORDER BY earlier.seq DESC LIMIT 1)) AS "to",
  e.at, o.customer_id AS "customerId", o.reference, o.currency,
  (SELECT (known.data->>'totalMinor')::bigint FROM orders.order_events known
   WHERE known.order_id = e.order_id AND known.seq <= e.seq AND known.data ? 'totalMinor'
   ORDER BY known.seq DESC LIMIT 1) AS "totalMinor",
  CASE WHEN e.to_status IN ('REJECTED', 'CANCELLED', 'EXPIRED') THEN e.data->>'reason' END AS reason,
  o.correlation_id AS "correlationId", o.traceparent,
  -- Set once: only what came before does not have them.
  o.capture_mode AS "captureMode", CASE WHEN e.seq > 1 THEN o.capture_by END AS "captureBy",
  CASE WHEN o.confirmed_at <= e.at THEN o.confirmed_at END AS "confirmedAt",
  (SELECT coalesce(sum(a.amount_minor), 0)::bigint FROM orders.order_commands a
   WHERE a.order_id = e.order_id AND a.kind = 'capture' AND a.decision = 'accepted' AND a.answered_at <= e.at
  ) AS "captureAcceptedMinor"
FROM orders.event_outbox b
JOIN orders.order_events e ON e.order_id = b.order_id AND e.seq = b.seq
JOIN orders.orders o ON o.order_id = b.order_id
ORDER BY b.position LIMIT $1`,
};

const REMOVE_PUBLISHED: Statement = {
  name: 'remove_published_transitions',
  text: `DELETE FROM orders.event_outbox WHERE position = ANY ($1::bigint[])`,
};

const LIST_CASE_CHANGES: Statement = {
  name: 'list_unpublished_case_changes',
  text: `
SELECT b.position, b.type, b.case_id AS "caseId", b.order_id AS "orderId", b.tenant_id AS "tenantId", b.step,
  b.error_code AS "errorCode", b.attempts, b.resolution, b.trace_id AS "traceId", b.at,
  o.correlation_id AS "correlationId", o.traceparent
FROM orders.case_outbox b LEFT JOIN orders.orders o ON o.order_id = b.order_id
ORDER BY b.position LIMIT $1`,
};

const REMOVE_CASE_CHANGES: Statement = {
  name: 'remove_published_case_changes',
  text: `DELETE FROM orders.case_outbox WHERE position = ANY ($1::bigint[])`,
};

export function createEventOutboxRepository(db: Database): EventOutboxRepository {
  return {
    list: (limit) => db.run<UnpublishedTransition>(LIST_UNPUBLISHED, [limit]),
    remove: async (transitions) => {
      await db.run(REMOVE_PUBLISHED, [transitions.map(({ position }) => position)]);
    },
    listCaseChanges: (limit) => db.run<UnpublishedCaseChange>(LIST_CASE_CHANGES, [limit]),
    removeCaseChanges: async (changes) => {
      await db.run(REMOVE_CASE_CHANGES, [changes.map(({ position }) => position)]);
    },
  };
}
