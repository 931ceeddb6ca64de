import type { OrderRequest } from './order.ts';
import type { OrderSettings } from './order-settings.ts';
import type { SealedContact } from './personal-data/contact-sealer.ts';

/** An order as it was accepted: the input of its workflow, and what its row is made from. */
export interface OrderWorkflowInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly correlationId: string;
  readonly request: OrderRequest;
  readonly sealedContact: SealedContact | null;
  readonly settings: OrderSettings;
}
