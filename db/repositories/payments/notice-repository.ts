import type {
  NoticeKey,
  NoticeOutcome,
  NoticeState,
  PaymentNotice,
  PaymentNoticeKind,
} from '../../../src/domain/payments/payment-notice.ts';
import type { PaymentOperationState } from '../../../src/domain/payments/payment.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database, Statement } from '../../client.ts';

/** A notice as stored, together with what the `payments` schema knows about its subject. */
export interface StoredNotice extends NoticeKey {
  readonly kind: PaymentNoticeKind;
  readonly orderId: string | null;
  readonly key: string | null;
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
  /** Milliseconds since the notice was received, by the clock that stamped it. */
  readonly ageMs: number;
  readonly state: NoticeState;
  readonly outcome: NoticeOutcome | null;
  readonly appliedAt: Date | null;
  /**
   * State of the operation under the notice's key, or of the operation that was adopted; null when there is neither.
   */
  readonly operation: PaymentOperationState | null;
  /** Whether a later notice about the same key has reported something else. */
  readonly isOutdated: boolean;
}

/** Reports of payment providers; each event is stored once. */
export interface NoticeRepository {
  /**
   * Stores a report; false when it was stored before, which changes nothing. A report without an order id of ours is
   * matched by its charge.
   */
  add(news: PaymentNotice): Promise<boolean>;
  findOptional(key: NoticeKey): Promise<StoredNotice | null>;
  /** Notices of known orders that have no outcome yet, oldest first. */
  listReceived(page: { readonly after: NoticePosition | null; readonly limit: number }): Promise<StoredNotice[]>;
  /** The order's notices, sorted by the time of the event at the provider. */
  listByOrder(orderId: string): Promise<StoredNotice[]>;
  /** Stores the outcome of a notice; the first outcome stays. */
  close(key: NoticeKey, outcome: NoticeOutcome): Promise<void>;
  closeAll(closed: readonly (NoticeKey & { readonly outcome: NoticeOutcome })[]): Promise<void>;
  /**
   * Matches notices without an order id of ours with charges that were recorded since. Closes notices that have no
   * match after `afterMs`, because they come from another system on the same account at the provider.
   */
  closeForeign(afterMs: number): Promise<void>;
}

/** Where a page of notices ends. */
export type NoticePosition = Pick<StoredNotice, 'receivedAt' | 'provider' | 'eventId'>;

export function createNoticeRepository(db: Database): NoticeRepository {
  return {
    add: async (news) => {
      const { provider, eventId, kind, orderId, key, amountMinor, currency, occurredAt, chargeRef, movementRef } = news;
      const values = [provider, eventId, kind, orderId, key, amountMinor, currency, occurredAt, chargeRef, movementRef];
      return (await acrossTenants(() => db.run(ADD_NOTICE, values))).length > 0;
    },
    findOptional: async ({ provider, eventId }) => {
      const [row] = await acrossTenants(() => db.run<StoredNotice>(FIND_NOTICE, [provider, eventId]));
      return row ?? null;
    },
    listReceived: ({ after, limit }) =>
      db.run<StoredNotice>(LIST_RECEIVED, [
        after?.receivedAt ?? null,
        after?.provider ?? null,
        after?.eventId ?? null,
        limit,
      ]),
    listByOrder: (orderId) => db.run<StoredNotice>(LIST_NOTICES, [orderId]),
    close: async ({ provider, eventId }, outcome) => {
      await db.run(CLOSE_NOTICE, [provider, eventId, outcome]);
    },
    closeAll: async (closed) => {
      if (closed.length > 0) await db.run(CLOSE_NOTICES, [JSON.stringify(closed)]);
    },
    closeForeign: async (afterMs) => {
      await db.run(MATCH_NOTICES, []);
      await db.run(CLOSE_FOREIGN, [afterMs]);
    },
  };
}

const ADD_NOTICE: Statement = {
  name: 'add_notice',
  text: `
INSERT INTO payments.payment_notices
  (provider, event_id, kind, order_id, key, amount_minor, currency, occurred_at, charge_ref, movement_ref)
VALUES ($1, $2, $3, coalesce($4, (
  SELECT order_id FROM payments.operations WHERE provider_ref = $9 AND kind IN ('sale', 'authorize') LIMIT 1
)), $5, $6, $7, $8, $9, $10)
ON CONFLICT (provider, event_id) DO NOTHING RETURNING event_id`,
};

const SELECT_NOTICE = `
SELECT n.provider, n.event_id AS "eventId", n.kind, n.order_id AS "orderId", n.key, n.amount_minor AS "amountMinor",
  n.currency, n.occurred_at AS "occurredAt", n.received_at AS "receivedAt",
  (extract(epoch FROM now() - n.received_at) * 1000)::float8 AS "ageMs", n.state, n.outcome, n.applied_at AS "appliedAt",
  o.state AS operation,
  EXISTS (SELECT FROM payments.payment_notices later WHERE later.key = n.key AND later.provider = n.provider
    AND later.kind <> n.kind AND later.kind <> 'other' AND later.occurred_at > n.occurred_at) AS "isOutdated"
FROM payments.payment_notices n
LEFT JOIN LATERAL (
  SELECT state FROM payments.operations WHERE key IN (
    n.key, n.order_id || ':refund:external:' || n.movement_ref, n.order_id || ':capture:external:' || n.movement_ref
  ) ORDER BY key = n.key DESC NULLS LAST LIMIT 1
) o ON true`;

const FIND_NOTICE: Statement = {
  name: 'find_notice',
  text: `${SELECT_NOTICE} WHERE n.provider = $1 AND n.event_id = $2`,
};

const LIST_RECEIVED: Statement = {
  name: 'list_received_notices',
  text: `${SELECT_NOTICE}
WHERE n.state = 'RECEIVED' AND n.order_id IS NOT NULL
  AND ($1::timestamptz IS NULL OR (n.received_at, n.provider, n.event_id) > ($1, $2::text, $3::text))
ORDER BY n.received_at, n.provider, n.event_id LIMIT $4`,
};

const LIST_NOTICES: Statement = {
  name: 'list_notices',
  text: `${SELECT_NOTICE} WHERE n.order_id = $1 ORDER BY n.occurred_at, n.received_at, n.event_id`,
};

const CLOSE_NOTICE: Statement = {
  name: 'close_notice',
  text: `
UPDATE payments.payment_notices SET state = 'APPLIED', outcome = $3, applied_at = now()
WHERE provider = $1 AND event_id = $2 AND state = 'RECEIVED'`,
};

const CLOSE_NOTICES: Statement = {
  name: 'close_notices',
  text: `
UPDATE payments.payment_notices n SET state = 'APPLIED', outcome = c.outcome, applied_at = now()
FROM jsonb_to_recordset($1::jsonb) AS c (provider text, "eventId" text, outcome text)
WHERE n.provider = c.provider AND n.event_id = c."eventId" AND n.state = 'RECEIVED'`,
};

const MATCH_NOTICES: Statement = {
  name: 'match_notices',
  text: `
UPDATE payments.payment_notices n SET order_id = o.order_id FROM payments.operations o
WHERE n.state = 'RECEIVED' AND n.order_id IS NULL AND o.provider_ref = n.charge_ref AND o.kind IN ('sale', 'authorize')`,
};

const CLOSE_FOREIGN: Statement = {
  name: 'close_foreign_notices',
  text: `
UPDATE payments.payment_notices SET state = 'APPLIED', outcome = 'ignored', applied_at = now()
WHERE state = 'RECEIVED' AND order_id IS NULL AND received_at < now() - $1::float8 * interval '1 millisecond'`,
};
