import type { Database } from '../db/client.ts';

/** Whether a round's orders ended as promised; without it a round has no figure. */
export interface Verdict {
  readonly ok: boolean;
  readonly findings: readonly string[];
}

interface Sums {
  readonly confirmed: number;
  readonly other: number;
  readonly ordered: number;
  readonly captured: number;
  readonly reserved: number;
  readonly sold: number;
  readonly committed: number;
  readonly sent: number;
}

/** Compares orders, stock, payments, messages and the provider's ledger. */
export async function judge(app: Database, simulatorUrl: string, orders: number): Promise<Verdict> {
  const { rows } = await app.pool.query<Sums>(SUMS);
  const [sums] = rows;
  if (sums === undefined) return { ok: false, findings: ['the sums could not be read'] };
  const ledger = await ledgerOf(simulatorUrl);
  const pairs: [what: string, is: number, expected: number][] = [
    ['CONFIRMED orders', sums.confirmed, orders],
    ['other orders', sums.other, 0],
    ['captured by our books', sums.captured, sums.ordered],
    ['charges at the provider', ledger.count, orders],
    ['charged at the provider', ledger.sum, sums.ordered],
    ['pieces still reserved', sums.reserved, 0],
    ['pieces taken from stock', sums.sold, sums.committed],
    ['messages sent', sums.sent, orders],
  ];
  const findings = pairs
    .filter(([, is, expected]) => is !== expected)
    .map(([what, is, expected]) => `${what}: ${is}, expected ${expected}`);
  return { ok: findings.length === 0, findings };
}

async function ledgerOf(simulatorUrl: string): Promise<{ count: number; sum: number }> {
  const answer = await fetch(`${simulatorUrl}/ledger`);
  const { entries } = (await answer.json()) as { entries: { kind: string; state: string; amountMinor: number }[] };
  const charges = entries.filter(({ kind, state }) => kind === 'sale' && state === 'SUCCEEDED');
  return { count: charges.length, sum: charges.reduce((sum, { amountMinor }) => sum + amountMinor, 0) };
}

/** The seed gave every SKU its first pieces by a movement of kind `initial`. */
const SUMS = `
SELECT
  (SELECT count(*) FROM orders.orders WHERE status = 'CONFIRMED') AS confirmed,
  (SELECT count(*) FROM orders.orders WHERE status <> 'CONFIRMED') AS other,
  (SELECT coalesce(sum(total_minor), 0)::bigint FROM orders.orders) AS ordered,
  (SELECT coalesce(sum(captured_minor - refunded_minor), 0)::bigint FROM payments.balances) AS captured,
  (SELECT sum(reserved)::bigint FROM inventory.stock) AS reserved,
  (SELECT sum(on_hand_delta)::bigint FROM inventory.stock_movements WHERE kind = 'initial')
    - (SELECT sum(on_hand)::bigint FROM inventory.stock) AS sold,
  (SELECT coalesce(sum(quantity), 0)::bigint FROM inventory.reservations WHERE state = 'COMMITTED') AS committed,
  (SELECT count(*) FROM notifications.messages WHERE state = 'SENT') AS sent`;
