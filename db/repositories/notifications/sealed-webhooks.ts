import { parseSealedField, toSealedField } from '../../../src/domain/personal-data/field-sealer.ts';
import type { SealedText } from '../../../src/domain/personal-data/text-sealer.ts';
import { webhookAddressSubject, webhookSecretSubject } from '../../../src/domain/webhook.ts';
import type { Database, Statement } from '../../client.ts';
import type { SealedRows } from '../../sealed-rows.ts';

const LIST_SECRETS: Statement = {
  name: 'list_webhook_secrets_of_other_keys',
  text: `
SELECT subscription_id AS "subscriptionId", sealed_secret AS sealed
FROM notifications.webhook_subscriptions
WHERE sealed_secret IS NOT NULL AND sealed_secret ->> 'keyId' <> $1
ORDER BY subscription_id`,
};

/** Secrets that were changed or deleted meanwhile stay as they are. */
const REPLACE_SECRETS: Statement = {
  name: 'replace_webhook_secrets',
  text: `
UPDATE notifications.webhook_subscriptions s SET sealed_secret = r.anew
FROM jsonb_to_recordset($1::jsonb) AS r (place text, sealed jsonb, anew jsonb)
WHERE s.subscription_id = r.place AND s.sealed_secret = r.sealed
RETURNING s.subscription_id`,
};

const LIST_ADDRESSES: Statement = {
  name: 'list_webhook_addresses_of_other_keys',
  text: `
SELECT subscription_id AS "subscriptionId", url FROM notifications.webhook_subscriptions
WHERE starts_with(url, 'sealed:') AND split_part(url, ':', 2) <> $1
ORDER BY subscription_id`,
};

const REPLACE_ADDRESSES: Statement = {
  name: 'replace_webhook_addresses',
  text: `
UPDATE notifications.webhook_subscriptions s SET url = r.anew
FROM jsonb_to_recordset($1::jsonb) AS r (place text, old text, anew text)
WHERE s.subscription_id = r.place AND s.url = r.old
RETURNING s.subscription_id`,
};

/** The signing secrets of webhooks. Tenants have few webhooks, so all of them are one page. */
export function createSealedWebhookSecrets(db: Database): SealedRows {
  return {
    list: async (keyId) => {
      const found = await db.run<{ subscriptionId: string; sealed: SealedText }>(LIST_SECRETS, [keyId]);
      const rows = found.map(({ subscriptionId, sealed }) => ({
        place: subscriptionId,
        about: webhookSecretSubject(subscriptionId),
        sealed,
      }));
      return { rows, next: null };
    },
    replace: async (rows) => {
      const changes = rows.map(({ place, sealed, anew }) => ({ place, sealed, anew }));
      return (await db.run(REPLACE_SECRETS, [JSON.stringify(changes)])).length;
    },
  };
}

/** The sealed addresses of webhooks, those of deleted ones included. */
export function createSealedWebhookAddresses(db: Database): SealedRows {
  return {
    list: async (keyId) => {
      const found = await db.run<{ subscriptionId: string; url: string }>(LIST_ADDRESSES, [keyId]);
      const rows = found.flatMap(({ subscriptionId, url }) => {
        const sealed = parseSealedField(url);
        return sealed === null ? [] : [{ place: subscriptionId, about: webhookAddressSubject(subscriptionId), sealed }];
      });
      return { rows, next: null };
    },
    replace: async (rows) => {
      const changes = rows.map(({ place, sealed, anew }) => ({
        place,
        old: toSealedField(sealed),
        anew: toSealedField(anew),
      }));
      return (await db.run(REPLACE_ADDRESSES, [JSON.stringify(changes)])).length;
    },
  };
}
