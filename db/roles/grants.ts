import type { Service } from '../client.ts';

/**
 * Roles of the database, one per kind of process. They cannot log in: a login is made a member of them, so that passwords
 * and certificates stay with the people who run the database.
 */
export const DATABASE_ROLES = ['order_saga_api', 'order_saga_worker', 'order_saga_tools'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

/** What the API and the worker may do with the rows of a table; tools read all tables. Nobody may truncate. */
interface TableGrant {
  readonly api?: string;
  readonly worker?: string;
  /** Beside reading. */
  readonly tools?: string;
}

/** A schema of the database. */
export type Schema = Service | 'audit';

const READ = 'SELECT';
const APPEND = 'SELECT, INSERT';
const WRITE = 'SELECT, INSERT, UPDATE';
const CHANGE = 'SELECT, UPDATE';
const ALL = 'SELECT, INSERT, UPDATE, DELETE';

/**
 * Every table of every schema; a test compares the list with the database. An archive has no rights of its own: a query that
 * names the hot table reads it by the rights and policies of the hot table. A history is written by APPEND only: no process
 * can change or delete what it says, except that the erasure of a customer takes out the person.
 */
export const TABLE_GRANTS: Readonly<Record<Schema, Readonly<Record<string, TableGrant>>>> = {
  orders: {
    // `reseal` replaces contact data, `repair` nothing else of an order.
    orders: { api: CHANGE, worker: WRITE, tools: 'UPDATE (sealed_contact)' },
    order_lines: { api: READ, worker: APPEND },
    // The erasure of a customer takes people out of histories; a trigger refuses every other change of an event.
    order_events: { api: `${APPEND}, UPDATE (actor, data)`, worker: APPEND },
    // A trigger adds what the feed takes away.
    event_outbox: { api: 'INSERT', worker: 'SELECT, INSERT, DELETE' },
    // As above, for cases.
    case_outbox: { api: 'INSERT', worker: 'SELECT, INSERT, DELETE' },
    order_commands: { api: `${APPEND}, UPDATE (actor, reason)`, worker: APPEND },
    cases: { api: CHANGE, worker: ALL },
    case_decisions: { api: WRITE, worker: 'SELECT, UPDATE, DELETE' },
    rate_limits: { api: ALL },
  },
  inventory: {
    products: { api: WRITE, worker: READ },
    stock: { api: WRITE, worker: WRITE },
    reservations: { api: READ, worker: WRITE },
    stock_movements: { api: APPEND, worker: APPEND },
    archived_stock: { worker: READ },
  },
  payments: {
    operations: { api: READ, worker: WRITE },
    balances: { api: READ, worker: WRITE },
    turns: { worker: WRITE },
    attempts: { api: READ, worker: APPEND },
    operation_changes: { api: READ, worker: APPEND },
    payment_notices: { api: WRITE, worker: 'SELECT, UPDATE, DELETE' },
    waiting_steps: { api: READ, worker: ALL },
  },
  notifications: {
    messages: { api: READ, worker: WRITE },
    message_attempts: { api: READ, worker: APPEND },
    webhook_subscriptions: { api: WRITE, worker: 'SELECT, UPDATE, DELETE', tools: 'UPDATE (sealed_secret, url)' },
    webhook_deliveries: { api: CHANGE, worker: ALL },
    operator_alerts: { worker: ALL },
  },
  events: {
    partitions: { api: WRITE, worker: WRITE },
    raw_events: { api: APPEND, worker: APPEND },
    event_ids: { api: APPEND, worker: 'SELECT, INSERT, DELETE' },
    event_requests: { api: WRITE, worker: 'SELECT, DELETE' },
    consumers: { api: WRITE, worker: WRITE },
    cursors: { api: CHANGE, worker: WRITE },
    processed_events: { api: READ, worker: ALL },
    retrying_events: { api: WRITE, worker: ALL },
    // A trigger on failed events counts them here.
    failure_outbox: { worker: ALL },
    // UPDATE stands for the lock that a reprocess takes.
    failed_events: { api: 'SELECT, UPDATE, DELETE', worker: ALL, tools: 'UPDATE (properties)' },
  },
  audit: {
    operator_actions: { api: APPEND, worker: APPEND, tools: 'INSERT' },
    operator_outcomes: { api: APPEND },
  },
};

/** Tables whose rows belong to no tenant: everything else of the API's reach is kept apart by policies. */
export const SHARED_TABLES: readonly string[] = [
  'orders.event_outbox',
  'orders.rate_limits',
  'payments.turns',
  'payments.payment_notices',
  'payments.waiting_steps',
  'events.partitions',
  'events.event_requests',
  'events.consumers',
  'events.cursors',
];

/**
 * Functions that do what no role may do by itself, and the roles that may call each: they open and drop the tables of a
 * day, forget old rows of histories, seal the content of events again, and move orders into the archive and back. They
 * run as the owner of the tables.
 */
export const OWNER_FUNCTIONS: Readonly<Record<string, DatabaseRole | readonly DatabaseRole[]>> = {
  'events.open_day(date)': 'order_saga_worker',
  'events.drop_days(timestamptz, text[])': 'order_saga_worker',
  'events.replace_sealed(jsonb)': 'order_saga_tools',
  'payments.forget_history(timestamptz, text[])': 'order_saga_worker',
  'notifications.forget_messages(timestamptz, text[])': 'order_saga_worker',
  'orders.archive_orders(text[])': ['order_saga_worker', 'order_saga_tools'],
  'inventory.archive_orders(text[])': ['order_saga_worker', 'order_saga_tools'],
  'payments.archive_orders(text[])': ['order_saga_worker', 'order_saga_tools'],
  'notifications.archive_orders(text[])': ['order_saga_worker', 'order_saga_tools'],
  // The API decides commands, which brings the order's own rows back; the steps of the command bring the others.
  'orders.restore_orders(text[])': ['order_saga_api', 'order_saga_worker'],
  'inventory.restore_orders(text[])': 'order_saga_worker',
  'payments.restore_orders(text[])': 'order_saga_worker',
  'notifications.restore_orders(text[])': 'order_saga_worker',
};
