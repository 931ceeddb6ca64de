import type { Database } from '../../db/client.ts';
import type { History } from '../history.ts';
import { MAILS_MAX } from '../system/stage.ts';
import type { ChaosSystem } from '../system/system.ts';
import type {
  CaseFact,
  CommandFact,
  Counts,
  DecisionFact,
  DeliveryFact,
  EventFact,
  LedgerFact,
  MailFact,
  MessageFact,
  MoveFact,
  OrderFact,
  RunFacts,
} from './facts.ts';

/** Reads what the system has left. */
export async function readFacts(system: ChaosSystem, database: Database, history: History): Promise<RunFacts> {
  const read = <Row extends object>(text: string): Promise<Row[]> => readAll<Row>(database, text);
  const orders = await read<OrderFact>(ORDERS);
  const moves = await read<MoveFact>(MOVES);
  const commands = await read<CommandFact>(COMMANDS);
  const events = await read<EventFact>(EVENTS);
  const ledger = await readLedger(system.simulatorUrl);
  return {
    entries: history.entries,
    orders: new Map(orders.map((order) => [order.orderId, order])),
    moves: Map.groupBy(moves, ({ orderId }) => orderId),
    commands: Map.groupBy(commands, ({ orderId }) => orderId),
    cases: await read<CaseFact>(CASES),
    decisions: await read<DecisionFact>(DECISIONS),
    ledger: Map.groupBy(ledger, ({ orderId }) => orderId),
    events: new Map(events.map((event) => [`${event.tenantId}/${event.eventId}`, event])),
    deliveries: await read<DeliveryFact>(DELIVERIES),
    received: await system.receiver.received(),
    messages: await read<MessageFact>(MESSAGES),
    mails: await readMails(system.inboxUrl),
    counts: await readCounts(database),
  };
}

/** A statement over everything that a run has left; it may take longer than the product's statements. */
export async function readAll<Row extends object>(database: Database, text: string): Promise<Row[]> {
  const client = await database.pool.connect();
  try {
    await client.query('SET statement_timeout = 0');
    const statement = { text, query_timeout: READ_WITHIN_MS };
    return (await client.query<Row>(statement)).rows;
  } finally {
    client.release(true);
  }
}

const READ_WITHIN_MS = 120_000;

const MILLISECONDS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

const ORDERS = `
SELECT order_id AS "orderId", tenant_id AS "tenantId", idempotency_key AS key, status, reason,
  total_minor::float8 AS "totalMinor", capture_mode AS "captureMode", owner_command_id AS "ownerId"
FROM orders.orders`;

const MOVES = `
SELECT order_id AS "orderId", seq, to_status AS to, ${MILLISECONDS('at')} AS at
FROM orders.order_events WHERE to_status IS NOT NULL ORDER BY order_id, seq`;

const COMMANDS = `
SELECT order_id AS "orderId", kind, decision, amount_minor::float8 AS "amountMinor" FROM orders.order_commands`;

const CASES = `
SELECT order_id AS "orderId", step_name AS step, error_code AS "errorCode", ${MILLISECONDS('opened_at')} AS "openedAt",
  ${MILLISECONDS('resolved_at')} AS "resolvedAt"
FROM orders.cases`;

const DECISIONS = `SELECT order_id AS "orderId", action, state FROM orders.case_decisions`;

/** The log of clients' events; the service's own are those of orders and cases. */
const EVENTS = `
SELECT i.tenant_id AS "tenantId", i.event_id AS "eventId", i.partition, i.sequence::float8 AS sequence,
  count(p.sequence)::integer AS processed, ${MILLISECONDS('min(p.processed_at)')} AS "processedAt",
  min(f.error_code) AS failed, count(r.sequence) > 0 AS "isRetrying"
FROM events.event_ids i
LEFT JOIN events.processed_events p
  ON p.consumer = 'analytics' AND p.partition = i.partition AND p.sequence = i.sequence
LEFT JOIN events.failed_events f ON f.consumer = 'analytics' AND f.partition = i.partition AND f.sequence = i.sequence
LEFT JOIN events.retrying_events r
  ON r.consumer = 'analytics' AND r.partition = i.partition AND r.sequence = i.sequence
WHERE i.event_id LIKE 'event-%'
GROUP BY i.tenant_id, i.event_id, i.partition, i.sequence`;

const DELIVERIES = `
SELECT delivery_id AS "deliveryId", tenant_id AS "tenantId", seq::float8 AS seq, event_type AS "eventType",
  event_key AS "eventKey", state, attempts
FROM notifications.webhook_deliveries`;

const MESSAGES = `
SELECT order_id AS "orderId", template AS name, channel, state FROM notifications.messages`;

/** The rows that rare courses leave, by the course. */
const COUNTS: Readonly<Record<string, string>> = {
  'ambiguous charge adopted': `
SELECT count(DISTINCT key) AS count FROM payments.attempts WHERE call = 'lookup' AND outcome = 'succeeded'`,
  'unknown answer of the provider': `SELECT count(*) AS count FROM payments.attempts WHERE outcome = 'unknown'`,
  'call kept back by the circuit breaker': `SELECT count(*) AS count FROM payments.attempts WHERE outcome = 'not_sent'`,
  'charge refused after its void': `
SELECT count(*) AS count FROM payments.attempts WHERE call IN ('charge', 'lookup') AND outcome = 'voided'`,
  'money moved at the provider itself': `SELECT count(*) AS count FROM payments.operations WHERE generation = 0`,
  'hold expired': `SELECT count(*) AS count FROM inventory.stock_movements WHERE kind = 'expire'`,
  'tombstone left for a late hold': `
SELECT count(DISTINCT order_id) AS count FROM inventory.reservations WHERE state = 'RELEASED' AND unit_price_minor IS NULL`,
  'message tried again': `SELECT count(*) AS count FROM notifications.messages WHERE attempts > 1`,
};

async function readCounts(database: Database): Promise<Counts> {
  const counts: Record<string, number> = {};
  for (const [name, text] of Object.entries(COUNTS)) {
    const [row] = await readAll<{ count: string | number }>(database, text);
    counts[name] = Number(row?.count ?? 0);
  }
  return counts;
}

async function readLedger(simulatorUrl: string): Promise<LedgerFact[]> {
  const { entries } = (await readJson(`${simulatorUrl}/ledger`)) as { entries: LedgerFact[] };
  return entries;
}

async function readMails(inboxUrl: string): Promise<MailFact[]> {
  return (await readJson(`${inboxUrl}/messages?limit=${MAILS_MAX}`)) as MailFact[];
}

async function readJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(READ_WITHIN_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
