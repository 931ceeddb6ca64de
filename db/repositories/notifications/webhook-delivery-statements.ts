import type { Statement } from '../../client.ts';

const COLUMNS = `d.delivery_id AS "deliveryId", d.seq, d.event_id AS "eventId", d.event_type AS "eventType",
  d.event_key AS "eventKey", d.state, d.attempts, d.last_status AS "lastStatus", d.last_error AS "lastError",
  d.response_excerpt AS "responseExcerpt", d.next_attempt_at AS "nextAttemptAt", d.delivered_at AS "deliveredAt",
  d.created_at AS "createdAt"`;

/** Which subscriptions want which of the given events; the parameters are tenants, and types separated by commas. */
export const WANTING_SUBSCRIPTIONS: Statement = {
  name: 'wanting_webhook_subscriptions',
  text: `
SELECT w.ordinal, s.subscription_id AS "subscriptionId"
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (tenant_id, event_types, ordinal)
JOIN notifications.webhook_subscriptions s ON s.tenant_id = w.tenant_id AND s.state = 'ACTIVE'
  AND s.event_types && string_to_array(w.event_types, ',')`,
};

/** The update changes nothing, but makes the statement answer rows that were there before, too. */
export const OFFER_DELIVERIES: Statement = {
  name: 'offer_webhook_deliveries',
  text: `
INSERT INTO notifications.webhook_deliveries AS d
  (delivery_id, subscription_id, tenant_id, event_id, event_type, event_key, body, state, attempts)
SELECT offered.delivery_id, offered.subscription_id, $3, $4, $5, $6, $7, 'PENDING', 0
FROM unnest($1::text[], $2::text[]) AS offered (delivery_id, subscription_id)
ON CONFLICT (subscription_id, event_id) DO UPDATE SET updated_at = d.updated_at
RETURNING d.subscription_id AS "subscriptionId", d.state`,
};

/** The open deliveries of a queue, with their addresses. */
const OPEN_DELIVERIES = `
SELECT d.delivery_id AS "deliveryId", d.tenant_id AS "tenantId", d.event_type AS "eventType", d.body, d.attempts,
  greatest(0, coalesce(extract(epoch FROM d.next_attempt_at - now()) * 1000, 0))::float8 AS "waitMs",
  s.url, s.sealed_secret AS "sealedSecret", s.state AS "subscriptionState"
FROM notifications.webhook_deliveries d
JOIN notifications.webhook_subscriptions s ON s.subscription_id = d.subscription_id
WHERE d.subscription_id = $1 AND d.event_key = $2 AND d.state IN ('PENDING', 'RETRYING')`;

/** The delivery that is sent next. */
export const FIND_HEAD: Statement = {
  name: 'find_webhook_head',
  text: `${OPEN_DELIVERIES}
ORDER BY d.seq LIMIT 1`,
};

/** One open delivery, at any place in its queue. */
export const FIND_OPEN: Statement = {
  name: 'find_open_webhook',
  text: `${OPEN_DELIVERIES} AND d.delivery_id = $3`,
};

/**
 * Deletes at most `$2` settled deliveries from before `$1`. The locks spare a delivery that is requested again at this
 * moment.
 */
export const FORGET_SETTLED: Statement = {
  name: 'forget_settled_webhooks',
  text: `
WITH forgotten AS (
  DELETE FROM notifications.webhook_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM notifications.webhook_deliveries
    WHERE created_at < $1 AND state IN ('DELIVERED', 'GAVE_UP', 'CANCELLED') LIMIT $2 FOR UPDATE SKIP LOCKED))
  RETURNING 1
)
SELECT count(*)::integer AS forgotten FROM forgotten`,
};

/** Cancels the queue of a subscription that has ended. */
export const CANCEL_QUEUE: Statement = {
  name: 'cancel_webhook_queue',
  text: `
UPDATE notifications.webhook_deliveries SET state = 'CANCELLED', next_attempt_at = NULL, updated_at = now()
WHERE subscription_id = $1 AND event_key = $2 AND state IN ('PENDING', 'RETRYING')`,
};

/**
 * Touches the subscription's row only when the subscription was failing, so that successes do not queue for the row.
 */
export const RECORD_DELIVERED: Statement = {
  name: 'record_webhook_delivered',
  text: `
WITH delivered AS (
  UPDATE notifications.webhook_deliveries
  SET state = 'DELIVERED', attempts = attempts + 1, last_status = $2, last_error = NULL, response_excerpt = $3,
    next_attempt_at = NULL, delivered_at = now(), updated_at = now()
  WHERE delivery_id = $1 AND state IN ('PENDING', 'RETRYING')
  RETURNING subscription_id
)
UPDATE notifications.webhook_subscriptions s SET failing_since = NULL, updated_at = now()
FROM delivered WHERE s.subscription_id = delivered.subscription_id AND s.failing_since IS NOT NULL`,
};

/** Marks the subscription at its first failure since the last success. */
export const RECORD_FAILED: Statement = {
  name: 'record_webhook_failed',
  text: failedAnd(`state = CASE WHEN $5::bigint IS NULL THEN 'GAVE_UP' ELSE 'RETRYING' END, attempts = attempts + 1,
    next_attempt_at = now() + $5::bigint * interval '1 millisecond'`),
};

/**
 * Stores an attempt that was made before its time: it does not count as a try, and the next attempt comes no earlier
 * than planned.
 */
export const RECORD_FAILED_EARLY: Statement = {
  name: 'record_webhook_failed_early',
  text: failedAnd(`next_attempt_at = greatest(next_attempt_at, now() + $5::bigint * interval '1 millisecond')`),
};

function failedAnd(changes: string): string {
  return `
WITH failed AS (
  UPDATE notifications.webhook_deliveries
  SET last_status = $2, last_error = $4, response_excerpt = $3, updated_at = now(),
    ${changes}
  WHERE delivery_id = $1 AND state IN ('PENDING', 'RETRYING')
  RETURNING subscription_id
), marked AS (
  UPDATE notifications.webhook_subscriptions s SET failing_since = now(), updated_at = now()
  FROM failed WHERE s.subscription_id = failed.subscription_id AND s.failing_since IS NULL
)
SELECT coalesce(extract(epoch FROM now() - s.failing_since), 0)::float8 AS "failingSeconds"
FROM failed JOIN notifications.webhook_subscriptions s ON s.subscription_id = failed.subscription_id`;
}

/** The deliveries, newest first. */
export const LIST_DELIVERIES: Statement = {
  name: 'list_webhook_deliveries',
  text: `
SELECT ${COLUMNS} FROM notifications.webhook_deliveries d
WHERE d.tenant_id = $1 AND d.subscription_id = $2 AND ($3::text IS NULL OR d.state = $3)
  AND ($4::bigint IS NULL OR d.seq < $4)
ORDER BY d.seq DESC LIMIT $5`,
};

/** The delivery keeps its place: later deliveries of the same order have been sent, or wait behind it. */
export const REDELIVER: Statement = {
  name: 'redeliver_webhook',
  text: `
UPDATE notifications.webhook_deliveries d
SET state = 'PENDING', attempts = 0, next_attempt_at = NULL, delivered_at = NULL, updated_at = now()
FROM notifications.webhook_subscriptions s
WHERE d.tenant_id = $1 AND d.subscription_id = $2 AND d.delivery_id = $3
  AND s.subscription_id = d.subscription_id AND s.state = 'ACTIVE'
RETURNING ${COLUMNS}`,
};

/** The order is random, so that queues that are merely slow cannot keep the stranded ones out of every batch. */
export const FIND_STRANDED: Statement = {
  name: 'find_stranded_webhooks',
  text: `
SELECT subscription_id AS "subscriptionId", event_key AS key FROM (
  SELECT DISTINCT ON (subscription_id, event_key) subscription_id, event_key, state, updated_at, next_attempt_at
  FROM notifications.webhook_deliveries WHERE state IN ('PENDING', 'RETRYING')
  ORDER BY subscription_id, event_key, seq
) head
WHERE (state = 'PENDING' AND updated_at < now() - $1::float8 * interval '1 second')
  OR (state = 'RETRYING' AND next_attempt_at < now() - $2::float8 * interval '1 second')
ORDER BY random() LIMIT $3`,
};
