import { ORDER_STATUSES, isAtRest, type OrderStatus } from '../../../src/domain/order-status.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Databases, Statement } from '../../client.ts';

/** How many there are, and the age in seconds of the oldest; 0 when there is none. */
export interface CountAndAge {
  readonly count: number;
  readonly oldestSeconds: number;
}

/** Orders of one status. */
export interface StatusFigures extends CountAndAge {
  readonly status: OrderStatus;
}

/** Stock that is held for orders that are not paid yet. */
export interface HoldFigures {
  readonly count: number;
  /** For how long the hold that expired first has been overdue; 0 when none is. */
  readonly overdueSeconds: number;
}

/** Money that was taken, and has to be given back. */
export interface OwedMoney extends CountAndAge {
  /** Sums in minor units, for every currency of the catalog. */
  readonly byCurrency: Readonly<Record<string, number>>;
}

/** The state of the service at one moment. */
export interface ServiceFigures {
  /** One entry per status in motion. */
  readonly orders: readonly StatusFigures[];
  readonly holds: HoldFigures;
  /** Operations at the provider whose outcome is not known. */
  readonly unknownPayments: CountAndAge;
  readonly owedMoney: OwedMoney;
  /** Webhooks that have not arrived and are not given up. */
  readonly webhooks: CountAndAge;
}

/** Reads figures over all tenants, for metrics. Each statement reads by a partial index, and a bounded number of rows. */
export interface ServiceFiguresRepository {
  read(): Promise<ServiceFigures>;
}

/** More than these are one incident, and counting on would take long. */
const ROWS_MAX = 10_000;

/** Orders that give money back, at once; more are one incident. */
const OWING_ORDERS_MAX = 1_000;

/** The statuses of orders that something is being done for. */
export const STATUSES_IN_MOTION = ORDER_STATUSES.filter((status) => !isAtRest(status));

const NONE: CountAndAge = { count: 0, oldestSeconds: 0 };

export function createServiceFiguresRepository(databases: Databases): ServiceFiguresRepository {
  return {
    read: () => acrossTenants(() => readFigures(databases)),
  };
}

async function readFigures(databases: Databases): Promise<ServiceFigures> {
  const { orders, inventory, payments, notifications } = databases;
  const [statuses, [holds], [unknown], owedMoney, [webhooks]] = await Promise.all([
    orders.run<StatusFigures>(ORDERS_IN_MOTION, []),
    inventory.run<HoldFigures>(HOLDS, []),
    payments.run<CountAndAge>(UNKNOWN_PAYMENTS, []),
    readOwedMoney(databases),
    notifications.run<CountAndAge>(OPEN_WEBHOOKS, []),
  ]);
  return {
    orders: STATUSES_IN_MOTION.map(
      (status) => statuses.find((found) => found.status === status) ?? { status, ...NONE },
    ),
    holds: holds ?? { count: 0, overdueSeconds: 0 },
    unknownPayments: unknown ?? NONE,
    owedMoney,
    webhooks: webhooks ?? NONE,
  };
}

interface OwingOrder {
  readonly orderId: string;
  readonly currency: string;
  /** The part that a refund gives back; null for everything. */
  readonly amountMinor: number | null;
  readonly seconds: number;
}

/** The orders say who is to get money back, and the books of payments how much was taken. */
async function readOwedMoney({ orders, payments, inventory }: Databases): Promise<OwedMoney> {
  const sold = await inventory.run<{ currency: string }>(CURRENCIES, []);
  const byCurrency: Record<string, number> = Object.fromEntries(sold.map(({ currency }) => [currency, 0]));
  const owing = await orders.run<OwingOrder>(OWING_ORDERS, []);
  if (owing.length === 0) return { ...NONE, byCurrency };
  const balances = await payments.run<{ orderId: string; leftMinor: number }>(BALANCES_LEFT, [
    owing.map(({ orderId }) => orderId),
  ]);
  const left = new Map(balances.map(({ orderId, leftMinor }) => [orderId, leftMinor]));
  const owed = owing
    .map((order) => ({ ...order, owedMinor: Math.min(left.get(order.orderId) ?? 0, order.amountMinor ?? Infinity) }))
    .filter(({ owedMinor }) => owedMinor > 0);
  for (const { currency, owedMinor } of owed) byCurrency[currency] = (byCurrency[currency] ?? 0) + owedMinor;
  return { count: owed.length, oldestSeconds: Math.max(0, ...owed.map(({ seconds }) => seconds)), byCurrency };
}

const AGE = (column: string): string =>
  `coalesce(greatest(0, date_part('epoch', clock_timestamp() - min(${column}))), 0) AS "oldestSeconds"`;

/** The condition is the one of the index `orders_in_motion_idx`. */
const ORDERS_IN_MOTION: Statement = {
  name: 'figures_orders_in_motion',
  text: `
SELECT status, count(*)::integer AS count, ${AGE('created_at')}
FROM (
  SELECT status, created_at FROM orders.orders WHERE status IN ('PENDING', 'CANCELLING', 'REFUNDING')
  ORDER BY created_at LIMIT ${ROWS_MAX}
) moving GROUP BY status`,
};

/** The condition is the one of the index `reservations_expiry_idx`, which has the lines that are held. */
const HOLDS: Statement = {
  name: 'figures_holds',
  text: `
SELECT count(*)::integer AS count,
  coalesce(greatest(0, date_part('epoch', clock_timestamp() - min(expires_at))), 0) AS "overdueSeconds"
FROM (
  SELECT expires_at FROM inventory.reservations WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT ${ROWS_MAX}
) held`,
};

/** The condition is the one of the index `operations_unknown_idx`. */
const UNKNOWN_PAYMENTS: Statement = {
  name: 'figures_unknown_payments',
  text: `
SELECT count(*)::integer AS count, ${AGE('created_at')}
FROM (SELECT created_at FROM payments.operations WHERE state = 'UNKNOWN' LIMIT ${ROWS_MAX}) unknown`,
};

/** Orders that are cancelled, refunded or refused right now. `updated_at` is when that was decided, or a later event. */
const OWING_ORDERS: Statement = {
  name: 'figures_owing_orders',
  text: `
SELECT o.order_id AS "orderId", o.currency, c.amount_minor AS "amountMinor",
  greatest(0, date_part('epoch', clock_timestamp() - coalesce(c.answered_at, o.updated_at))) AS seconds
FROM orders.orders o
LEFT JOIN orders.order_commands c ON c.command_id = o.owner_command_id AND c.kind = 'refund'
WHERE o.status IN ('PENDING', 'CANCELLING', 'REFUNDING') AND (o.status <> 'PENDING' OR o.refusal IS NOT NULL)
ORDER BY o.created_at LIMIT ${OWING_ORDERS_MAX}`,
};

const BALANCES_LEFT: Statement = {
  name: 'figures_balances_left',
  text: `
SELECT order_id AS "orderId", captured_minor - refunded_minor AS "leftMinor"
FROM payments.balances WHERE order_id = ANY ($1::text[])`,
};

const CURRENCIES: Statement = {
  name: 'figures_currencies',
  text: `SELECT DISTINCT currency FROM (SELECT currency FROM inventory.products LIMIT ${ROWS_MAX}) sold`,
};

/** The condition is the one of the index `webhook_deliveries_open_idx`. */
const OPEN_WEBHOOKS: Statement = {
  name: 'figures_open_webhooks',
  text: `
SELECT count(*)::integer AS count, ${AGE('created_at')}
FROM (
  SELECT created_at FROM notifications.webhook_deliveries WHERE state IN ('PENDING', 'RETRYING') LIMIT ${ROWS_MAX}
) open`,
};
