import type { Statement } from '../../client.ts';

const COLUMNS = `subscription_id AS "subscriptionId", tenant_id AS "tenantId", request_hash AS "requestHash", url,
  event_types AS "eventTypes", sealed_secret AS "sealedSecret", state, disabled_reason AS "disabledReason",
  disabled_at AS "disabledAt", failing_since AS "failingSince", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** The limit is checked without a lock, so two requests at once may exceed it by one. */
export const INSERT_SUBSCRIPTION: Statement = {
  name: 'insert_webhook_subscription',
  text: `
INSERT INTO notifications.webhook_subscriptions
  (subscription_id, tenant_id, request_hash, url, event_types, sealed_secret, state)
SELECT $1, $2, $3, $4, $5::text[], $6::jsonb, 'ACTIVE'
WHERE (SELECT count(*) FROM notifications.webhook_subscriptions WHERE tenant_id = $2 AND state <> 'DELETED') < $7
ON CONFLICT (subscription_id) DO NOTHING
RETURNING subscription_id`,
};

/** Finds a subscription in any state. */
export const FIND_SUBSCRIPTION: Statement = {
  name: 'find_webhook_subscription',
  text: `SELECT ${COLUMNS} FROM notifications.webhook_subscriptions WHERE tenant_id = $1 AND subscription_id = $2`,
};

/** The subscriptions, newest first. */
export const LIST_SUBSCRIPTIONS: Statement = {
  name: 'list_webhook_subscriptions',
  text: `
SELECT ${COLUMNS} FROM notifications.webhook_subscriptions
WHERE tenant_id = $1 AND state <> 'DELETED'
  AND ($2::timestamptz IS NULL OR (created_at, subscription_id) < ($2, $3::text))
ORDER BY created_at DESC, subscription_id DESC LIMIT $4`,
};

/** Enables an active subscription as well: its failures are forgotten. */
export const ENABLE_SUBSCRIPTION: Statement = {
  name: 'enable_webhook_subscription',
  text: `
UPDATE notifications.webhook_subscriptions
SET state = 'ACTIVE', disabled_at = NULL, disabled_reason = NULL, failing_since = NULL, updated_at = now()
WHERE tenant_id = $1 AND subscription_id = $2 AND state <> 'DELETED'
RETURNING ${COLUMNS}`,
};

/**
 * A delivery that is published at the same moment may not be cancelled here; it checks the subscription again before it
 * is sent.
 */
const CANCEL_OPEN = `
cancelled AS (
  UPDATE notifications.webhook_deliveries d SET state = 'CANCELLED', next_attempt_at = NULL, updated_at = now()
  FROM ended WHERE d.subscription_id = ended.subscription_id AND d.state IN ('PENDING', 'RETRYING')
)
SELECT subscription_id FROM ended`;

/** The row stays, so that its id stays taken; the secret is deleted. */
export const DELETE_SUBSCRIPTION: Statement = {
  name: 'delete_webhook_subscription',
  text: `
WITH ended AS (
  UPDATE notifications.webhook_subscriptions
  SET state = 'DELETED', sealed_secret = NULL, disabled_at = NULL, disabled_reason = NULL, updated_at = now()
  WHERE tenant_id = $1 AND subscription_id = $2 AND state <> 'DELETED'
  RETURNING subscription_id
), ${CANCEL_OPEN}`,
};

/** The receiver caused this, so the statement does not check the tenant. */
export const DISABLE_SUBSCRIPTION: Statement = {
  name: 'disable_webhook_subscription',
  text: `
WITH ended AS (
  UPDATE notifications.webhook_subscriptions
  SET state = 'DISABLED', disabled_at = now(), disabled_reason = $2, updated_at = now()
  WHERE subscription_id = $1 AND state = 'ACTIVE'
  RETURNING subscription_id
), ${CANCEL_OPEN}`,
};
