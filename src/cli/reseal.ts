import type { WebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { reading } from '../audit/source-error.ts';
import { createTextSealer, type SealingKey } from '../domain/personal-data/text-sealer.ts';
import { ContactUnreadableError } from '../domain/errors.ts';
import { webhookSecretSubject } from '../domain/webhook.ts';

/** The result of sealing the secrets of webhooks again. */
export interface Resealed {
  readonly keyId: string;
  readonly resealed: number;
  /** Secrets whose key is unknown. */
  readonly unreadable: readonly { readonly subscriptionId: string; readonly keyId: string }[];
}

/**
 * Seals with the newest key all secrets that older keys have sealed. Repeating it is harmless, and deliveries continue
 * meanwhile.
 */
export async function resealWebhookSecrets(
  subscriptions: Pick<WebhookSubscriptionRepository, 'sealedByOthersThan' | 'replaceSecret'>,
  keys: readonly [SealingKey, ...SealingKey[]],
): Promise<Resealed> {
  const [{ id: keyId }] = keys;
  const sealer = createTextSealer(keys);
  const unreadable: { subscriptionId: string; keyId: string }[] = [];
  let resealed = 0;
  for (const old of await reading('the notifications database', subscriptions.sealedByOthersThan(keyId))) {
    const subject = webhookSecretSubject(old.subscriptionId);
    try {
      const anew = sealer.seal(subject, sealer.open(subject, old.sealedSecret));
      if (await reading('the notifications database', subscriptions.replaceSecret(old, anew))) resealed += 1;
    } catch (error) {
      if (!(error instanceof ContactUnreadableError)) throw error;
      unreadable.push({ subscriptionId: old.subscriptionId, keyId: error.keyId });
    }
  }
  return { keyId, resealed, unreadable };
}
