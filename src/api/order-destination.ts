import type { CommandKind } from '../domain/command.ts';
import { isAtRest, type OrderStatus } from '../domain/order-status.ts';
import { assertNever } from '../domain/errors.ts';
import type { OrderRecord } from '../../db/repositories/order-repository.ts';

/**
 * Who decides a command. `order`: the order's own workflow, which it interrupts. `settle`: the order's row; a settle
 * workflow carries it out. `provider`: what the provider has, which only a worker sees. `cancelling`: it joins the cancel that is under way. `busy`: it may be asked again later. All
 * others are the answer.
 */
export type Destination =
  | 'order'
  | 'settle'
  | 'provider'
  | 'cancelling'
  | 'busy'
  | 'too_late'
  | 'not_captured'
  | 'capture_not_supported';

type KnownOrder = Pick<OrderRecord, 'captureMode' | 'ownerCommandId'>;

/** By the status of the order; null: it is accepted, and not opened yet. */
export function destinationOf(kind: CommandKind, status: OrderStatus, order: KnownOrder | null): Destination {
  switch (kind) {
    case 'cancel':
      return cancelDestination(status, order);
    case 'capture':
      return captureDestination(status, order);
    case 'refund':
      return refundDestination(status);
    case 'give_back':
      return giveBackDestination(status);
    case 'reconcile':
      // A command that moves the order's money looks at the provider itself.
      return isAtRest(status) && status !== 'AWAITING_CAPTURE' && !isOwned(order) ? 'provider' : 'busy';
    default:
      return assertNever(kind);
  }
}

function cancelDestination(status: OrderStatus, order: KnownOrder | null): Destination {
  switch (status) {
    case 'PENDING':
      return 'order';
    case 'AWAITING_CAPTURE':
      // A capture is under way, and nothing interrupts it.
      return isOwned(order) ? 'busy' : 'order';
    case 'CONFIRMED':
    case 'PARTIALLY_REFUNDED':
      return 'settle';
    case 'CANCELLING':
      return 'cancelling';
    case 'REFUNDING':
      return 'busy';
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REFUNDED':
      return 'too_late';
    default:
      return assertNever(status);
  }
}

function captureDestination(status: OrderStatus, order: KnownOrder | null): Destination {
  if (order !== null && order.captureMode !== 'manual') return 'capture_not_supported';
  switch (status) {
    case 'AWAITING_CAPTURE':
      return isOwned(order) ? 'busy' : 'order';
    case 'CONFIRMED':
    case 'PARTIALLY_REFUNDED':
      return 'settle';
    case 'PENDING':
    case 'REFUNDING':
      return 'busy';
    case 'CANCELLING':
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REFUNDED':
      return 'too_late';
    default:
      return assertNever(status);
  }
}

function refundDestination(status: OrderStatus): Destination {
  switch (status) {
    case 'CONFIRMED':
    case 'PARTIALLY_REFUNDED':
      return 'settle';
    case 'AWAITING_CAPTURE':
      return 'not_captured';
    case 'PENDING':
    case 'REFUNDING':
      return 'busy';
    case 'CANCELLING':
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REFUNDED':
      return 'too_late';
    default:
      return assertNever(status);
  }
}

function giveBackDestination(status: OrderStatus): Destination {
  switch (status) {
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REFUNDED':
      return 'settle';
    case 'PENDING':
    case 'AWAITING_CAPTURE':
    case 'CANCELLING':
    case 'REFUNDING':
      return 'busy';
    case 'CONFIRMED':
    case 'PARTIALLY_REFUNDED':
      return 'too_late';
    default:
      return assertNever(status);
  }
}

function isOwned(order: KnownOrder | null): boolean {
  return order !== null && order.ownerCommandId !== null;
}
