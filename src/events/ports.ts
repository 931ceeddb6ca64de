import type { LoggedEvent } from '../domain/event.ts';

/** A purchase that somebody wants to hear of at once. */
export interface HighValuePurchase {
  readonly eventId: string;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly amount: number;
}

/** Effects outside that handlers have; each may be repeated and says its event's id. */
export interface EventPorts {
  /**
   * Tells the sales team; without effect when nobody asked for it. By `idempotencyKey` the receiver knows a repeated call.
   * @throws {EventFailure} `effect_unavailable`.
   */
  alertOfPurchase(purchase: HighValuePurchase, idempotencyKey: string): Promise<void>;
  /**
   * Hands an event to the webhooks that subscribed to it, once each, in the order of its key.
   * @returns how many subscriptions want it. @throws {EventFailure} `effect_unavailable`.
   */
  publishToWebhooks(event: LoggedEvent): Promise<number>;
}
