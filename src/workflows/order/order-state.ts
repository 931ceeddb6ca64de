import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { OrderOwnership } from '../../domain/command.ts';
import type { Refusal } from '../../domain/order.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { MoneySums } from '../../domain/payments/payment.ts';
import type { Saga } from '../steps/saga.ts';
import type { OnConflict, Steps } from '../steps/step-runner.ts';
import type { OrderCommands } from './command-mailbox.ts';

/** Everything that the parts of one order's workflow share. */
export interface OrderState {
  readonly input: OrderWorkflowInput;
  readonly steps: Steps;
  readonly commands: OrderCommands;
  readonly saga: Saga;
  /** Set from the first call to the payment provider on: a cancel must then promise that money may be given back. */
  mayBeCharged: boolean;
  /**
   * Before the point of no return a conflict is compared with the stored order; if that does not explain it, a case
   * opens.
   */
  onConflict: OnConflict;
  /** The command that owns the order, or the decision that the order expires; null until there is one. */
  owner: Ownership | null;
  /** The capture that sells the order, for manual capture. */
  capture: OrderOwnership | null;
  /** The sums after the payment was undone; null when a worker of an earlier version undid it. */
  money: MoneySums | null;
}

/** The owner of the order's money right now. The decision that an order expires is not a command and has no id. */
export type Ownership = Pick<OrderOwnership, 'turn' | 'generation'> & { readonly commandId: string | null };

/** The result of the sale. */
export type SaleResult =
  | { readonly kind: 'paid'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'cancelled' | 'expired' }
  /** An earlier run, which the server has forgotten, has brought the order to its end. */
  | { readonly kind: 'ended'; readonly status: OrderStatus; readonly totalMinor: number | null };

/** The refusal of an order that an operator has aborted. */
export const ABORTED: Refusal = { reason: 'operator_aborted', details: null };
