import type { OrderRequest } from './order.ts';
import type { OrderSettings } from './order-settings.ts';
import type { SealedContact } from './personal-data/contact-sealer.ts';

/** An accepted order: the input of its workflow, from which its row is made. */
export interface OrderWorkflowInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly correlationId: string;
  /** The subject of the token that placed the order; absent in orders of earlier versions. */
  readonly placedBy?: string;
  /** The W3C `traceparent` of the request; absent when the order is not traced. */
  readonly traceparent?: string;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
  readonly settings: OrderSettings;
}
