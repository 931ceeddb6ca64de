import type { LoggedEvent } from '../domain/event.ts';

/** A purchase that the sales team wants to hear of at once. */
export interface HighValuePurchase {
  readonly eventId: string;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly amount: number;
}

/** Effects outside that handlers may have. Each may be repeated, and passes its event's id as the key. */
export interface EventPorts {
  /**
   * Alerts the sales team; does nothing when no alert is configured. The receiver recognizes a repeated call by
   * `idempotencyKey`.
   * @throws {EventFailure} `effect_unavailable`.
   */
  alertOfPurchase(purchase: HighValuePurchase, idempotencyKey: string): Promise<void>;
  /**
   * Hands an event once to each webhook that subscribed to it, in the order of the event's key.
   * @returns how many subscriptions want the event.
   * @throws {EventFailure} `effect_unavailable`.
   */
  publishToWebhooks(event: LoggedEvent): Promise<number>;
}
