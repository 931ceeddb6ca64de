import type { OrderStatus } from '../../src/domain/order-status.ts';
import type { HistoryEntry } from '../history.ts';
import type { ReceivedWebhook } from '../system/receiver.ts';

/** One broken promise. */
export interface Violation {
  /** The check that found it; also the audit's invariants (`I1` to `I14`). */
  readonly check: string;
  /** An order, a key, an event, a file. */
  readonly subject: string;
  readonly message: string;
}

/** An order's row at the end of the run. */
export interface OrderFact {
  readonly orderId: string;
  readonly tenantId: string;
  readonly key: string;
  readonly status: OrderStatus;
  readonly reason: string | null;
  readonly totalMinor: number | null;
  readonly captureMode: string;
  readonly ownerId: string | null;
}

/** A status that an order entered; `at` is milliseconds since 1970, by the database's clock. */
export interface MoveFact {
  readonly orderId: string;
  readonly seq: number;
  readonly to: OrderStatus;
  readonly at: number;
}

/** A command as it was answered. */
export interface CommandFact {
  readonly orderId: string;
  readonly kind: string;
  readonly decision: string;
  readonly amountMinor: number | null;
}

/** A case; times are milliseconds since 1970. */
export interface CaseFact {
  readonly orderId: string;
  readonly step: string;
  readonly errorCode: string;
  readonly openedAt: number;
  /** Null while it is open. */
  readonly resolvedAt: number | null;
}

/** An operator's decision. */
export interface DecisionFact {
  readonly orderId: string;
  readonly action: string;
  readonly state: string;
}

/** An entry of the provider's ledger. */
export interface LedgerFact {
  readonly orderId: string;
  readonly key: string;
  readonly kind: string;
  readonly amountMinor: number;
  readonly state: string;
}

/** Whether the effect was made at the provider itself: it has a key of the provider, and none of the service. */
export function isExternal({ key, orderId }: Pick<LedgerFact, 'key' | 'orderId'>): boolean {
  return !key.startsWith(`${orderId}:`);
}

/** Whether money of the order was moved at the provider itself. */
export function wasMovedOutside({ ledger }: Pick<RunFacts, 'ledger'>, orderId: string): boolean {
  return (ledger.get(orderId) ?? []).some(isExternal);
}

/** An event in the log, and what the consumer `analytics` has made of it. */
export interface EventFact {
  readonly tenantId: string;
  readonly eventId: string;
  readonly partition: number;
  readonly sequence: number;
  /** Rows with a result; more than one is a repeat. */
  readonly processed: number;
  /** Milliseconds since 1970; null without a result. */
  readonly processedAt: number | null;
  /** The code that it failed with; null unless it was given up. */
  readonly failed: string | null;
  readonly isRetrying: boolean;
}

/** A webhook's delivery. */
export interface DeliveryFact {
  readonly deliveryId: string;
  readonly tenantId: string;
  readonly seq: number;
  readonly eventType: string;
  /** The order, or the id of a failure. */
  readonly eventKey: string;
  readonly state: string;
  readonly attempts: number;
}

/** A message to a customer. */
export interface MessageFact {
  readonly orderId: string;
  readonly name: string;
  readonly channel: string;
  readonly state: string;
}

/** A mail that arrived. */
export interface MailFact {
  readonly messageId: string | null;
  readonly orderId: string | null;
  readonly to: string;
}

/** How often something rare happened, by the rows that it left. */
export type Counts = Readonly<Record<string, number>>;

/** What a run has left behind, read after everything has settled. */
export interface RunFacts {
  readonly entries: readonly HistoryEntry[];
  readonly orders: ReadonlyMap<string, OrderFact>;
  /** By order, in their order. */
  readonly moves: ReadonlyMap<string, readonly MoveFact[]>;
  readonly commands: ReadonlyMap<string, readonly CommandFact[]>;
  readonly cases: readonly CaseFact[];
  readonly decisions: readonly DecisionFact[];
  readonly ledger: ReadonlyMap<string, readonly LedgerFact[]>;
  /** Events of clients by tenant and id, `tenant/id`. */
  readonly events: ReadonlyMap<string, EventFact>;
  readonly deliveries: readonly DeliveryFact[];
  readonly received: readonly ReceivedWebhook[];
  readonly messages: readonly MessageFact[];
  readonly mails: readonly MailFact[];
  /** Rows by what happened, for the report. */
  readonly counts: Counts;
}

/** What is said about one subject. */
export function violation(check: string, subject: string, message: string): Violation {
  return { check, subject, message };
}
