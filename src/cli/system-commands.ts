import type { Client } from '@temporalio/client';
import { createDatabases, type Databases } from '../../db/client.ts';
import { requireAllTenants } from '../../db/tenant-fence.ts';
import { createSealedEvents, createSealedFailedEvents } from '../../db/repositories/events/sealed-events.ts';
import {
  createSealedWebhookAddresses,
  createSealedWebhookSecrets,
} from '../../db/repositories/notifications/sealed-webhooks.ts';
import { createSealedContacts } from '../../db/repositories/orders/sealed-contacts.ts';
import { createAudit, PATIENCE_MS } from '../audit/audit.ts';
import { formatReport, reportToJson } from '../audit/report.ts';
import type { Config } from '../config.ts';
import { createTemporalClient } from '../temporal/connection.ts';
import { UsageError, type Options } from './command-line.ts';
import type { LostOrder } from './lost-orders.ts';
import { createRepair, repairText, type RepairedOrder, type RepairProgress } from './repair.ts';
import { assertNoReplayIsDue } from './replay/replay-due.ts';
import { reseal, RESEALED_WORDS, type ResealedKind, type ResealedRows } from './reseal.ts';
import type { Tables } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The tools of a command that uses the databases and Temporal. */
export interface SystemTools {
  /** The argument of the command; empty when it takes none. */
  readonly subject: string;
  readonly options: Options;
  readonly tables: Tables;
  readonly config: Config;
  /** The user of the operating system; null when the user has no name. */
  readonly userName: string | null;
  readonly terminal: Terminal;
}

/** Statements run one after the other; the other connections are for services that share a server. */
const POOL_SIZE = 4;

/** Giving an order back takes a second; a longer repair continues without being watched. */
const FOLLOW_WITHIN_MS = 30_000;

/**
 * Runs the audit, like `npm run audit`.
 * @returns 0 clean, 1 broken.
 */
export function runAudit({ config, options, terminal }: SystemTools): Promise<number> {
  return withSystem(config, 'order-saga-audit', async (system) => {
    const onWait = (orders: number): void =>
      terminal.tell(`${orders} order(s) do not look right: looking again for up to ${PATIENCE_MS / 1_000} s`);
    const sources = { ...system, paymentGatewayUrl: config.payment.simulatorUrl };
    const report = await createAudit(sources, { onWait }).run();
    terminal.print(options.json === true ? reportToJson(report) : formatReport(report));
    return report.clean ? 0 : 1;
  });
}

/**
 * Finds and continues orders whose workflow was terminated.
 * @returns 1 when one of them could not be started.
 */
export function runRepair(tools: SystemTools): Promise<number> {
  const { config, options, terminal } = tools;
  const actor = actorOf(tools);
  return withSystem(config, 'order-saga-repair', async (system) => {
    const isTemporalLost = options['temporal-lost'] === true;
    const repair = createRepair({ ...system, settings: config.orderSettings, actor, isTemporalLost });
    const lost = await repair.find();
    await assertNoReplayIsDue({ ...system, lost });
    if (lost.length > 0) await repair.assertSameSystem(lost);
    if (options['dry-run'] === true || lost.length === 0) {
      showFound(tools, lost);
      return 0;
    }
    if (options.yes !== true && !(await agreed(tools, lost))) return 1;
    const repaired: RepairedOrder[] = [];
    for (const each of lost) repaired.push(await repair.mend(each));
    const isJson = options.json === true;
    if (!isJson) terminal.print(repairedText(repaired, tools.tables));
    const progress = await repair.follow(repaired, FOLLOW_WITHIN_MS);
    terminal.print(isJson ? JSON.stringify({ repaired, ...progress }, null, 2) : progressText(progress));
    const failures = repaired.filter(({ error }) => error !== null);
    for (const { orderId, error } of failures) terminal.tell(`${orderId}: ${error}`);
    return repaired.some(({ outcome }) => outcome === 'not started' || outcome === 'failed') ? 1 : 0;
  });
}

export function actorOf({ options, userName }: SystemTools): string {
  const actor = options.actor ?? userName;
  if (actor === null || actor === '') throw new UsageError('--actor is required: this user has no name');
  return actor;
}

/**
 * Seals with the newest key everything that an older one has sealed.
 * @returns 1 when something could not be opened.
 */
export function runReseal({ config, options, terminal }: SystemTools): Promise<number> {
  return withSystem(config, 'order-saga-reseal', async ({ databases }) => {
    const result = await reseal(sealedRowsOf(databases), config.contactKeys);
    const { keyId, resealed, unreadable } = result;
    const counts = Object.entries(resealed).map(([kind, count]) => `${count} ${RESEALED_WORDS[kind as ResealedKind]}`);
    terminal.print(
      options.json === true
        ? JSON.stringify(result, null, 2)
        : `sealed anew with the key ${keyId}: ${counts.join(', ')}`,
    );
    for (const { kind, keyId: unknown, count, first } of unreadable)
      terminal.tell(
        `${count} ${RESEALED_WORDS[kind]} (the first is ${first}): the key ${unknown} is not in CONTACT_KEYS`,
      );
    return unreadable.length === 0 ? 0 : 1;
  });
}

function sealedRowsOf({ orders, notifications, events }: Databases): readonly ResealedRows[] {
  const sources = {
    orders: 'the orders database',
    notifications: 'the notifications database',
    events: 'the events database',
  };
  return [
    { kind: 'webhookSecrets', source: sources.notifications, rows: createSealedWebhookSecrets(notifications) },
    { kind: 'webhookAddresses', source: sources.notifications, rows: createSealedWebhookAddresses(notifications) },
    { kind: 'orderContacts', source: sources.orders, rows: createSealedContacts(orders) },
    { kind: 'eventContents', source: sources.events, rows: createSealedEvents(events) },
    { kind: 'failedEventContents', source: sources.events, rows: createSealedFailedEvents(events) },
  ];
}

/** Opens the databases and Temporal for a piece of work, and closes them. */
export async function withSystem<Result>(
  { database, temporal }: Config,
  applicationName: string,
  work: (system: { readonly databases: Databases; readonly client: Client }) => Promise<Result>,
): Promise<Result> {
  // The statement that needs the connection reports the error.
  const databases = createDatabases(database.urls, { poolSize: POOL_SIZE, applicationName, onIdleError: () => {} });
  const client = createTemporalClient(temporal);
  try {
    await requireAllTenants(databases.orders);
    return await work({ databases, client });
  } finally {
    await client.connection.close();
    await databases.close();
  }
}

function showFound({ options, tables, terminal }: SystemTools, lost: readonly LostOrder[]): void {
  if (options.json !== true) {
    terminal.print(lost.length === 0 ? 'Nothing is left behind: every order is carried.' : foundText(lost, tables));
    return;
  }
  const found = lost.map(({ orderId, tenantId, order, found: words, deadCases, task }) => ({
    orderId,
    tenantId,
    status: order?.status ?? null,
    found: words,
    openCases: deadCases.map(({ step }) => step),
    repair: task && { kind: task.kind, commandId: task.commandId, amountMinor: task.amountMinor },
  }));
  terminal.print(JSON.stringify({ found }, null, 2));
}

function agreed({ tables, terminal }: SystemTools, lost: readonly LostOrder[]): Promise<boolean> {
  return agreedTo(terminal, 'repair', { found: foundText(lost, tables), question: `Repair ${lost.length} order(s)?` });
}

/**
 * Shows what was found and asks whether a command may begin.
 * @throws {UsageError} when there is nobody to ask.
 */
export async function agreedTo(
  terminal: Terminal,
  command: string,
  { found, question }: { readonly found: string; readonly question: string },
): Promise<boolean> {
  if (!terminal.isInteractive) {
    throw new UsageError(`${command} without a terminal needs --yes, or --dry-run to only look`);
  }
  terminal.tell(found);
  const answer = await terminal.ask(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

function foundText(lost: readonly LostOrder[], { table }: Tables): string {
  const rows = lost.map((each) => [
    each.orderId,
    each.tenantId,
    each.order?.status ?? null,
    each.found,
    repairText(each),
  ]);
  return table(['order', 'tenant', 'status', 'found', 'repair'], rows);
}

function repairedText(repaired: readonly RepairedOrder[], { table }: Tables): string {
  const rows = repaired.map((each) => [
    each.orderId,
    each.tenantId,
    each.status,
    each.found,
    each.repair,
    each.outcome,
  ]);
  return table(['order', 'tenant', 'status', 'found', 'repair', 'outcome'], rows);
}

function progressText({ started, settled, parked }: RepairProgress): string {
  const left = started - settled - parked;
  return [
    `${settled} of ${started} settled`,
    ...(parked === 0 ? [] : [`${parked} parked again: npm run orders -- cases --state open`]),
    ...(left === 0 ? [] : [`${left} on the way: npm run orders -- explain ID`]),
  ].join('; ');
}
