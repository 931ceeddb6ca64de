/** The subscription and the tenant that an attempt belongs to. */
export interface AttemptOwner {
  readonly subscriptionId: string;
  readonly tenantId: string;
}

/** Limits the webhook attempts that run in one worker at the same time. */
export interface WebhookConcurrency {
  /** A function that gives the slot back; null when no slot is free. */
  take(owner: AttemptOwner): (() => void) | null;
}

/**
 * Slots of one subscription, of one tenant, and of all webhooks together. A receiver that hangs holds each attempt for
 * 10 s, so of the 100 slots of the `notifications` queue (worker-host.ts) 25 are always left for mails and text
 * messages.
 */
const LIMITS = { subscription: 8, tenant: 24, all: 75 } as const;

export function createWebhookConcurrency(): WebhookConcurrency {
  const taken = new Map<string, number>();
  const add = (name: string, change: 1 | -1): void => {
    const count = (taken.get(name) ?? 0) + change;
    if (count === 0) taken.delete(name);
    else taken.set(name, count);
  };
  return {
    take: ({ subscriptionId, tenantId }) => {
      const wanted: readonly (readonly [string, number])[] = [
        [`subscription ${subscriptionId}`, LIMITS.subscription],
        [`tenant ${tenantId}`, LIMITS.tenant],
        ['all', LIMITS.all],
      ];
      if (wanted.some(([name, limit]) => (taken.get(name) ?? 0) >= limit)) return null;
      for (const [name] of wanted) add(name, 1);
      return () => {
        for (const [name] of wanted) add(name, -1);
      };
    },
  };
}
