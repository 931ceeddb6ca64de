import { expect, it } from 'vitest';
import { isAtRest, ORDER_STATUSES, ORDER_TRANSITIONS, statusesLeadingTo, type OrderStatus } from './order-status.ts';

/** The statuses that can be reached from one status, including itself. */
function reachableFrom(start: OrderStatus): Set<OrderStatus> {
  const reached = new Set([start]);
  for (const status of reached) for (const next of ORDER_TRANSITIONS[status]) reached.add(next);
  return reached;
}

it('The table of order statuses lets PENDING reach every status', () => {
  expect(reachableFrom('PENDING')).toEqual(new Set(ORDER_STATUSES));
});

it('The table of order statuses has the edges of the specification and no others', () => {
  const edges = ORDER_STATUSES.flatMap((from) => ORDER_TRANSITIONS[from].map((to) => `${from} -> ${to}`));
  expect(edges.toSorted()).toEqual(
    [
      'PENDING -> CONFIRMED',
      'PENDING -> REJECTED',
      'PENDING -> AWAITING_CAPTURE',
      'PENDING -> CANCELLING',
      'AWAITING_CAPTURE -> CONFIRMED',
      'AWAITING_CAPTURE -> CANCELLING',
      'AWAITING_CAPTURE -> EXPIRED',
      'CONFIRMED -> CANCELLING',
      'CONFIRMED -> REFUNDING',
      'CANCELLING -> CANCELLED',
      'REFUNDING -> PARTIALLY_REFUNDED',
      'REFUNDING -> REFUNDED',
      'PARTIALLY_REFUNDED -> REFUNDING',
      'PARTIALLY_REFUNDED -> CANCELLING',
    ].toSorted(),
  );
});

it.each(['REJECTED', 'CANCELLED', 'EXPIRED', 'REFUNDED'] as const)(
  'The table of order statuses lets nothing follow %s',
  (status) => {
    expect(ORDER_TRANSITIONS[status]).toEqual([]);
  },
);

it('The table of order statuses never leads back to PENDING, and from no status to itself', () => {
  expect(statusesLeadingTo('PENDING')).toEqual([]);
  for (const status of ORDER_STATUSES) expect(ORDER_TRANSITIONS[status]).not.toContain(status);
});

it('The table of order statuses lets every status in motion come to rest', () => {
  for (const status of ORDER_STATUSES) {
    expect([...reachableFrom(status)].some(isAtRest), status).toBe(true);
  }
});

it('The table of order statuses is read backwards by guarded writes', () => {
  expect(statusesLeadingTo('CONFIRMED')).toEqual(['PENDING', 'AWAITING_CAPTURE']);
  expect(statusesLeadingTo('CANCELLING')).toEqual(['PENDING', 'AWAITING_CAPTURE', 'CONFIRMED', 'PARTIALLY_REFUNDED']);
});

it('An order is at rest unless something is being done for it', () => {
  expect(ORDER_STATUSES.filter((status) => !isAtRest(status))).toEqual(['PENDING', 'CANCELLING', 'REFUNDING']);
});
