import { expect, it } from 'vitest';
import { destinationOf } from './order-destination.ts';

const MANUAL = { captureMode: 'manual', ownerCommandId: null } as const;
const OWNED = { captureMode: 'manual', ownerCommandId: 'cmd_1' } as const;
const AUTOMATIC = { captureMode: 'automatic', ownerCommandId: null } as const;

it.for([
  ['a cancel of an order that is not opened yet', 'cancel', 'PENDING', null, 'order'],
  ['a cancel of an authorized order', 'cancel', 'AWAITING_CAPTURE', MANUAL, 'order'],
  ['a cancel while the first capture is under way', 'cancel', 'AWAITING_CAPTURE', OWNED, 'busy'],
  ['a cancel while another one is under way', 'cancel', 'CANCELLING', OWNED, 'cancelling'],
  ['a cancel while a refund is under way', 'cancel', 'REFUNDING', OWNED, 'busy'],
  ['a capture of a sold order', 'capture', 'CONFIRMED', MANUAL, 'row'],
  ['a capture after a partial refund', 'capture', 'PARTIALLY_REFUNDED', MANUAL, 'row'],
  ['a capture of an order that is captured automatically', 'capture', 'PENDING', AUTOMATIC, 'capture_not_supported'],
  ['a refund before any capture', 'refund', 'AWAITING_CAPTURE', MANUAL, 'not_captured'],
  ['a refund while the first capture is under way', 'refund', 'AWAITING_CAPTURE', OWNED, 'busy'],
  ['a refund of an order that is cancelled', 'refund', 'CANCELLED', MANUAL, 'too_late'],
  ['a give-back of an order that has ended', 'give_back', 'REJECTED', MANUAL, 'row'],
  ['a give-back of a sold order', 'give_back', 'CONFIRMED', MANUAL, 'too_late'],
  ['a reconciliation while a command is under way', 'reconcile', 'CONFIRMED', OWNED, 'busy'],
] as const)('%s is decided by the right workflow, or refused', ([, kind, status, order, destination]) => {
  expect(destinationOf(kind, status, order)).toBe(destination);
});
