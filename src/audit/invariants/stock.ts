import type { MovedFigures, SkuFigures } from '../../../db/repositories/audit/audit-repository.ts';
import { assertNever } from '../../domain/errors.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { ReservationState } from '../../domain/inventory/reservation.ts';
import type { OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/** I2: the figures of a SKU follow from its movements and from the lines that orders hold and have taken. */
export function checkSkuFigures(sku: SkuFigures): Finding {
  const { onHand, reserved } = sku;
  if (onHand === null || reserved === null) return NO_STOCK_ROW;
  return checkEquations({ onHand, reserved }, [
    ...movementsOf({ ...sku, onHand, reserved }),
    { what: 'on hand', is: onHand, source: 'supplied less committed is', expected: sku.supplied - sku.committed },
    { what: 'reserved', is: reserved, source: 'held is', expected: sku.held },
  ]);
}

/** The part of I2 that one SKU's own movements can tell. */
export function checkMovedFigures(sku: MovedFigures): Finding {
  const { onHand, reserved } = sku;
  if (onHand === null || reserved === null) return NO_STOCK_ROW;
  return checkEquations({ onHand, reserved }, movementsOf({ ...sku, onHand, reserved }));
}

const NO_STOCK_ROW: Finding = { checked: 1, problems: ['it has movements or holds, but no stock row'] };

/** The figures of a stock row. */
interface StockRow {
  readonly onHand: number;
  readonly reserved: number;
}

/** What a figure is, and what it has to be. */
interface Equation {
  readonly what: string;
  readonly is: number;
  readonly source: string;
  readonly expected: number;
}

function movementsOf({ onHand, reserved, movedOnHand, movedReserved }: MovedFigures & StockRow): Equation[] {
  return [
    { what: 'on hand', is: onHand, source: 'its movements give', expected: movedOnHand },
    { what: 'reserved', is: reserved, source: 'its movements give', expected: movedReserved },
  ];
}

function checkEquations({ onHand, reserved }: StockRow, equations: readonly Equation[]): Finding {
  const problems = equations
    .filter(({ is, expected }) => is !== expected)
    .map(({ what, is, source, expected }) => `${what} is ${is}, ${source} ${expected}`);
  if (reserved < 0 || reserved > onHand) problems.push(`reserved is ${reserved} of ${onHand} on hand`);
  return { checked: 1, problems };
}

/**
 * I5: an order that ended without a sale holds no line, not even one that was held late; a sold order's lines are
 * deducted.
 */
export function checkReservations({ order, lines, reservations }: OrderFacts): Finding {
  const allowed = order === null ? null : statesIn(order.status);
  if (order === null || allowed === null) return NOT_APPLICABLE;
  const bySku = new Map(reservations.map((reservation) => [reservation.sku, reservation]));
  const problems = lines.flatMap(({ sku, quantity }) => {
    const line = bySku.get(sku);
    bySku.delete(sku);
    if (line === undefined) return [`${order.status}, but ${sku} has no reservation`];
    if (!allowed.includes(line.state)) return [`${order.status}, but ${sku} is ${line.state}`];
    return line.quantity === quantity ? [] : [`${quantity} of ${sku} ordered, ${line.quantity} reserved`];
  });
  const extra = [...bySku.keys()].map((sku) => `${sku} is reserved, but was not ordered`);
  return { checked: 1, problems: [...problems, ...extra] };
}

/** States that a line may have in a status; null while the line is still on its way. */
function statesIn(status: OrderStatus): readonly ReservationState[] | null {
  switch (status) {
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
      return ['RELEASED', 'EXPIRED'];
    case 'CONFIRMED':
      return ['COMMITTED'];
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      // Money that is given back says nothing about the goods.
      return ['COMMITTED', 'RELEASED'];
    case 'PENDING':
    case 'AWAITING_CAPTURE':
    case 'CANCELLING':
    case 'REFUNDING':
      return null;
    default:
      return assertNever(status);
  }
}
