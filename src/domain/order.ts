import type { CaptureMode } from './payments/payment.ts';
import type { AmountProblem } from './payments/payment-capabilities.ts';
import type { RejectionReason } from './order-status.ts';

/** One line of the order. Quantities of a repeated SKU are already added up, and lines are sorted by SKU. */
export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** The customer's order, validated and merged, without personal data. */
export interface OrderRequest {
  readonly customerId: string;
  /** The ISO 4217 code. */
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  /** A provider's token, for example `pm_ok`; never card data. */
  readonly paymentMethod: string;
  readonly captureMode: CaptureMode;
  /** The total that the client showed its customer. If the catalog's total differs, the order is refused. */
  readonly expectedTotalMinor: number | null;
  readonly reference: string | null;
}

/** How many pieces of a line were missing. */
export interface Shortage {
  readonly sku: string;
  readonly requested: number;
  /** Pieces that were left for sale when the order was refused. */
  readonly available: number;
}

/** Shown as `reasonDetails`: facts beyond the reason itself. */
export type RejectionDetails =
  | { readonly lines: readonly Shortage[] }
  | { readonly skus: readonly string[] }
  | { readonly declineCode: string }
  | { readonly expectedTotalMinor: number; readonly totalMinor: number }
  | AmountProblem;

/**
 * The decision to reject an order. It is stored before anything is undone, so that a rerun undoes for the same reason.
 */
export interface Refusal {
  readonly reason: RejectionReason;
  readonly details: RejectionDetails | null;
}
