import { createOrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import { instantOf, UsageError } from '../command-line.ts';
import { rememberedSince, WrongSystemError } from '../repair-check.ts';
import { actorOf, agreedTo, withSystem, type SystemTools } from '../system-commands.ts';
import type { DueOrder } from './due-orders.ts';
import { findMissingOrders, readAnsweredOrders } from './missing-orders.ts';
import { createReplay, isDone, type ReplayedOrder, type ReplayProgress } from './replay.ts';

/** Orders between two lines about the progress. */
const TOLD_EVERY = 1_000;

/**
 * Brings a database that was set back to what its workflows had already done.
 * @returns 1 when a second replay is needed, or an order has not come back as it was.
 */
export function runReplay(tools: SystemTools): Promise<number> {
  const { config, options, terminal } = tools;
  const closedAfter = instantOf(options, 'closed-after');
  if (closedAfter.getTime() > Date.now()) throw new UsageError('--closed-after lies in the future');
  const actor = actorOf(tools);
  return withSystem(config, 'order-saga-replay', async (system) => {
    const replay = createReplay({ ...system, settings: config.orderSettings, actor, closedAfter });
    const since = await rememberedSince(system.client);
    if (closedAfter < since && options['beyond-retention'] !== true) throw forgotten(closedAfter, since);
    await replay.assertSameSystem();
    const due = await replay.find();
    if (options['dry-run'] === true) {
      showDue(tools, due);
      return 0;
    }
    if (options.yes !== true) {
      const question = `Run ${due.length} order(s) again? Is the API closed?`;
      if (!(await agreedTo(terminal, 'replay', { found: dueText(due, tools.tables), question }))) return 1;
    }
    const replayed = await replay.run(progressOf(tools, config.temporal.namespace));
    showReplayed(tools, replayed);
    return replayed.every((each) => isDone(each) && each.outcome !== 'other') ? 0 : 1;
  });
}

function forgotten(closedAfter: Date, since: Date): WrongSystemError {
  return new WrongSystemError(
    `Temporal has forgotten what ended before ${since.toISOString()} (the retention of its namespace): orders that ` +
      `ended between ${closedAfter.toISOString()} and then cannot run again. The audit names those that the payment ` +
      'provider knows. --beyond-retention replays the others.',
  );
}

function progressOf({ terminal }: SystemTools, namespace: string): ReplayProgress {
  return {
    onNoWorkers: () =>
      terminal.tell(`No worker polls the task queue orders in namespace ${namespace}: start the workers now.`),
    onReplayed: (done, all) => {
      if (done % TOLD_EVERY === 0) terminal.tell(`${done} of ${all} order(s) have run again`);
    },
  };
}

/** What is due about an order, in words. */
function stateOf({ order }: DueOrder): string {
  if (order === null) return 'only commands';
  return order.state === 'completed' ? `ended as ${order.status}` : order.state;
}

function showDue({ options, tables, terminal }: SystemTools, due: readonly DueOrder[]): void {
  if (options.json !== true) {
    terminal.print(dueText(due, tables));
    return;
  }
  const shown = due.map((each) => ({
    orderId: each.orderId,
    tenantId: each.tenantId,
    state: stateOf(each),
    commands: each.commands.map(({ input }) => ({ commandId: input.command.commandId, kind: input.kind })),
    isReported: each.isReported,
    isDecided: each.order?.isDecided ?? false,
  }));
  terminal.print(JSON.stringify({ due: shown }, null, 2));
}

function dueText(due: readonly DueOrder[], { table }: SystemTools['tables']): string {
  if (due.length === 0) return 'Nothing is due: no workflow has done anything since.';
  const rows = [...Map.groupBy(due, stateOf)].map(([state, some]) => [
    state,
    some.length,
    some.reduce((sum, { commands }) => sum + commands.length, 0),
    some.filter(({ order }) => order?.isDecided === true).length,
  ]);
  return table(['its workflow', 'orders', 'commands', 'decided by people'], rows);
}

function showReplayed({ options, tables, terminal }: SystemTools, replayed: readonly ReplayedOrder[]): void {
  if (options.json === true) {
    terminal.print(JSON.stringify({ replayed }, null, 2));
    return;
  }
  const named = replayed.filter(({ outcome, left }) => (outcome !== 'same' && outcome !== 'carried') || left > 0);
  if (named.length > 0) {
    const rows = named.map((each) => [each.orderId, each.tenantId, each.was, each.outcome, each.left, each.detail]);
    terminal.print(tables.table(['order', 'tenant', 'was', 'now', 'commands left', 'detail'], rows));
  }
  terminal.print(sumText(replayed));
}

function sumText(replayed: readonly ReplayedOrder[]): string {
  const count = (...kinds: ReplayedOrder['outcome'][]): number =>
    replayed.filter(({ outcome }) => kinds.includes(outcome)).length;
  return [
    `${count('same')} of ${replayed.length} order(s) are as they were`,
    `${count('carried')} were open and run again`,
    ...textOf(count('parked'), 'wait for a person: npm run orders -- cases --state open'),
    ...textOf(count('unrepaired'), 'had no workflow before: npm run orders -- repair'),
    ...textOf(count('other'), 'have ended in another way'),
    ...textOf(replayed.filter((each) => !isDone(each)).length, 'are left: give the same command again'),
  ].join('; ');
}

function textOf(count: number, words: string): string[] {
  return count === 0 ? [] : [`${count} ${words}`];
}

/**
 * Names the orders that an API has answered with 202, by its log, and that are lost.
 * @returns 1 when there are some.
 */
export function runMissing({ config, options, subject, tables, terminal }: SystemTools): Promise<number> {
  return withSystem(config, 'order-saga-missing', async ({ databases, client }) => {
    const answered = await readAnsweredOrders(subject);
    const missing = await findMissingOrders({ orders: createOrderRepository(databases.orders), client }, answered);
    if (options.json === true) terminal.print(JSON.stringify({ answered: answered.length, missing }, null, 2));
    else if (missing.length === 0) terminal.print(`All ${answered.length} answered order(s) are there.`);
    else {
      const rows = missing.map(({ orderId, tenantId, at, correlationId }) => [orderId, tenantId, at, correlationId]);
      terminal.print(tables.table(['order', 'tenant', 'answered', 'correlation'], rows));
    }
    return missing.length === 0 ? 0 : 1;
  });
}
