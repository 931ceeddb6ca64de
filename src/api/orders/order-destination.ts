import type { OrderRecord } from '../../../db/repositories/orders/order-record.ts';
import type { CommandKind } from '../../domain/command.ts';
import type { OrderStatus } from '../../domain/order-status.ts';

/**
 * Where a command is decided. `order`: by the order's own workflow, which the command interrupts. `row`: by the
 * order's row; a command workflow carries it out. `provider`: by the provider's movements, which only a worker can read.
 * `cancelling`: the command joins the cancel that is under way. `busy`: the command may be sent again later. All others
 * are the answer.
 */
export type Destination =
  | 'order'
  | 'row'
  | 'provider'
  | 'cancelling'
  | 'busy'
  | 'too_late'
  | 'not_captured'
  | 'capture_not_supported';

const DESTINATIONS: Readonly<Record<CommandKind, Readonly<Record<OrderStatus, Destination>>>> = {
  cancel: {
    PENDING: 'order',
    AWAITING_CAPTURE: 'order',
    CONFIRMED: 'row',
    PARTIALLY_REFUNDED: 'row',
    CANCELLING: 'cancelling',
    REFUNDING: 'busy',
    REFUNDED: 'too_late',
    REJECTED: 'too_late',
    CANCELLED: 'too_late',
    EXPIRED: 'too_late',
  },
  capture: {
    PENDING: 'busy',
    AWAITING_CAPTURE: 'order',
    CONFIRMED: 'row',
    PARTIALLY_REFUNDED: 'row',
    CANCELLING: 'too_late',
    REFUNDING: 'busy',
    REFUNDED: 'too_late',
    REJECTED: 'too_late',
    CANCELLED: 'too_late',
    EXPIRED: 'too_late',
  },
  refund: {
    PENDING: 'busy',
    AWAITING_CAPTURE: 'not_captured',
    CONFIRMED: 'row',
    PARTIALLY_REFUNDED: 'row',
    CANCELLING: 'too_late',
    REFUNDING: 'busy',
    REFUNDED: 'too_late',
    REJECTED: 'too_late',
    CANCELLED: 'too_late',
    EXPIRED: 'too_late',
  },
  give_back: {
    PENDING: 'busy',
    AWAITING_CAPTURE: 'busy',
    CONFIRMED: 'too_late',
    PARTIALLY_REFUNDED: 'too_late',
    CANCELLING: 'busy',
    REFUNDING: 'busy',
    REFUNDED: 'row',
    REJECTED: 'row',
    CANCELLED: 'row',
    EXPIRED: 'row',
  },
  reconcile: {
    PENDING: 'busy',
    AWAITING_CAPTURE: 'busy',
    CONFIRMED: 'provider',
    PARTIALLY_REFUNDED: 'provider',
    CANCELLING: 'busy',
    REFUNDING: 'busy',
    REFUNDED: 'provider',
    REJECTED: 'provider',
    CANCELLED: 'provider',
    EXPIRED: 'provider',
  },
};

/** Cases in which the owner of the order goes first: nothing interrupts a capture that is under way. */
const LEFT_TO_OWNER: readonly Destination[] = ['order', 'provider', 'not_captured'];

/** Decides by the status of the order; null when the order is accepted and not opened yet. */
export function destinationOf(
  kind: CommandKind,
  status: OrderStatus,
  order: Pick<OrderRecord, 'captureMode' | 'ownerCommandId'> | null,
): Destination {
  if (kind === 'capture' && order !== null && order.captureMode !== 'manual') return 'capture_not_supported';
  const destination = DESTINATIONS[kind][status];
  const isOwned = order !== null && order.ownerCommandId !== null;
  return isOwned && LEFT_TO_OWNER.includes(destination) ? 'busy' : destination;
}
