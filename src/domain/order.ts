import type { CaptureMode } from './payments/payment.ts';
import type { AmountProblem } from './payments/payment-capabilities.ts';
import type { RejectionReason } from './order-status.ts';

/** One line as ordered: quantities of a repeated SKU are already added up, lines are sorted by SKU. */
export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

/** What the customer asked for, validated and merged; free of personal data. */
export interface OrderRequest {
  readonly customerId: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly lines: readonly OrderLine[];
  /** A provider's token such as `pm_ok`, never card data. */
  readonly paymentMethod: string;
  readonly captureMode: CaptureMode;
  /** The total the client showed its customer; a different catalog total refuses the order. */
  readonly expectedTotalMinor: number | null;
  readonly reference: string | null;
}

/** How a line fell short. */
export interface Shortage {
  readonly sku: string;
  readonly requested: number;
  /** Pieces left for sale when the order was refused. */
  readonly available: number;
}

/** Shown as `reasonDetails`: what the reason alone does not say. */
export type RejectionDetails =
  | { readonly lines: readonly Shortage[] }
  | { readonly skus: readonly string[] }
  | { readonly declineCode: string }
  | { readonly expectedTotalMinor: number; readonly totalMinor: number }
  | AmountProblem;

/** The decision to reject an order; stored before anything is undone, so that a rerun undoes for the same reason. */
export interface Refusal {
  readonly reason: RejectionReason;
  readonly details: RejectionDetails | null;
}
