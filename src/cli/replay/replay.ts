import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import pLimit from 'p-limit';
import type { Databases } from '../../../db/client.ts';
import { createOperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { createCaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import { createCommandRepository } from '../../../db/repositories/orders/command-repository.ts';
import { createOrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import { ifKnown } from '../../temporal/calls.ts';
import { hasWorkers, WrongSystemError } from '../repair-check.ts';
import { findDueOrders, givesStockBack, skusOf, type DueOrder } from './due-orders.ts';
import type { PastRun } from './past-order.ts';
import { createReplayRecord, type RecordedReplay } from './replay-record.ts';
import {
  orderEnd,
  reconcileAgain,
  runCommandAgain,
  runOrderAgain,
  type Return,
  type RunAgainDeps,
} from './run-again.ts';

export interface ReplayDeps {
  readonly databases: Databases;
  readonly client: Client;
  readonly settings: OrderSettings;
  /** The person who replays, for the record. */
  readonly actor: string;
  /** The instant to which the database was set back, or a little earlier. */
  readonly closedAfter: Date;
}

/** How one order has come back. */
export interface ReplayedOrder {
  readonly orderId: string;
  readonly tenantId: string;
  /** How its own workflow had ended; null when that was before the instant, or it had not ended. */
  readonly was: string | null;
  /** How many of its commands are carried out again. */
  readonly commands: number;
  /** Commands that follow when the order goes on; a second replay carries them out. */
  readonly left: number;
  /** `failed`: a server was down, and a second replay continues from there. */
  readonly outcome: Return['kind'] | 'failed';
  /** What is different, or why it failed. */
  readonly detail: string | null;
}

/** Brings a database that was set back to what its workflows had already done. */
export interface Replay {
  /** Finds the orders, and changes nothing. */
  find(): Promise<DueOrder[]>;
  /**
   * Checks that Temporal and the database belong to one system.
   * @throws {WrongSystemError} when no order that had ended before has a row.
   */
  assertSameSystem(): Promise<void>;
  /** Records the replay, and runs everything again that is due. Repeating it is harmless. */
  run(progress: ReplayProgress): Promise<ReplayedOrder[]>;
}

/** What is said on the way. */
export interface ReplayProgress {
  /** Called once if no worker carries out what is due. */
  readonly onNoWorkers: () => void;
  readonly onReplayed: (done: number, all: number) => void;
}

/** Orders that run at once: as many as keep a worker busy. */
const ORDERS_AT_ONCE = 20;

/** How long the replay waits for a worker to be started. */
const WORKERS_WITHIN_MS = 600_000;
const LOOK_FOR_WORKERS_MS = 500;

/** Orders of the time before, by which the system is recognized. */
const SAMPLE_SIZE = 100;

export function createReplay(deps: ReplayDeps): Replay {
  const { databases, client, actor, closedAfter } = deps;
  const orders = createOrderRepository(databases.orders);
  const record = createReplayRecord(createOperatorActionRepository(databases.orders));
  const commands = createCommandRepository(databases.orders);
  const cases = createCaseRepository(databases.orders);
  const replayOf = ({ replayId }: RecordedReplay): RunAgainDeps => ({ ...deps, orders, commands, cases, replayId });
  return {
    find: async () => {
      const known = await record.latest();
      const isSame = known?.closedAfter.getTime() === closedAfter.getTime();
      return findDueOrders(client, { closedAfter, replayId: isSame ? known.replayId : null });
    },
    assertSameSystem: async () => {
      const query = `WorkflowType = 'orderWorkflow' AND ExecutionStatus = 'Completed' AND CloseTime < '${closedAfter.toISOString()}'`;
      const ids: string[] = [];
      for await (const { workflowId } of client.workflow.list({ query, pageSize: SAMPLE_SIZE })) {
        ids.push(workflowId.slice('order/'.length));
        if (ids.length === SAMPLE_SIZE) break;
      }
      if (ids.length === 0 || (await orders.listKnown(ids)).length > 0) return;
      throw new WrongSystemError(
        `namespace ${client.options.namespace} has ended orders before ${closedAfter.toISOString()}, for example ` +
          `${ids[0]}, and this database has none of them: it belongs to another system, or went back further.`,
      );
    },
    run: async (progress) => {
      const replay = await record.begin(closedAfter, actor);
      const again = replayOf(replay);
      const due = await findDueOrders(client, replay);
      const replayed = await runAll(again, due, progress);
      const isOver = replayed.every(isDone);
      if (isOver && !replay.hasEnded) await record.end(replay, actor);
      return replayed;
    },
  };
}

/**
 * Workflows that still run remember what the database has forgotten. Commands among them are ended first, because one
 * that acted too early would draw the number of another one; orders among them begin anew. The rest follows in the order
 * in which it happened.
 */
async function runAll(
  again: RunAgainDeps,
  due: readonly DueOrder[],
  { onNoWorkers, onReplayed }: ReplayProgress,
): Promise<ReplayedOrder[]> {
  const { client } = again;
  for (const { commands, openNotices } of due) {
    const open = commands.flatMap(({ isOpen, run }) => (isOpen ? [run] : []));
    for (const run of [...open, ...openNotices]) await terminate(client, run, again.replayId);
  }
  const opened = new Map<DueOrder, Promise<Return>>();
  for (const each of due) {
    if (each.order?.state === 'open') opened.set(each, runOrderAgain(again, each.order));
  }
  await Promise.allSettled(opened.values());
  const wasTold = due.length > opened.size && (await untilWorkers(client, onNoWorkers));
  const isOver = new AbortController();
  const watching = wasTold ? Promise.resolve() : watchWorkers(client, onNoWorkers, isOver.signal);
  let done = 0;
  try {
    return await inTheirOrder(due, async (each) => {
      const replayed = await replayOne(again, each, opened.get(each) ?? null);
      done += 1;
      onReplayed(done, due.length);
      return replayed;
    });
  } finally {
    isOver.abort();
    await watching;
  }
}

async function terminate(client: Client, { workflowId, runId }: PastRun, replayId: string): Promise<void> {
  await ifKnown(client.workflow.getHandle(workflowId, runId).terminate(`replay ${replayId}`));
}

/** @returns whether it was told that there are none. */
async function untilWorkers(client: Client, onNoWorkers: () => void): Promise<boolean> {
  const deadline = Date.now() + WORKERS_WITHIN_MS;
  let looks = 0;
  for (; !(await hasWorkers(client)); looks += 1) {
    if (looks === 0) onNoWorkers();
    if (Date.now() > deadline) {
      throw new WrongSystemError(
        `no worker polls the task queue orders in namespace ${client.options.namespace}: start workers, and give the ` +
          'same command again.',
      );
    }
    await sleep(LOOK_FOR_WORKERS_MS);
  }
  return looks > 0;
}

/**
 * Tells once if no worker takes what is begun. Temporal lists a worker that was stopped for a minute, unless a task waits
 * for it.
 */
async function watchWorkers(client: Client, onNoWorkers: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A server that does not answer is told by the orders themselves.
    const areThere = await hasWorkers(client).catch(() => true);
    if (!areThere && !signal.aborted) {
      onNoWorkers();
      return;
    }
    await sleep(LOOK_FOR_WORKERS_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * Works on some orders at once, in the order in which they began. An order waits for the earlier ones that give pieces
 * of its SKUs back, because it may have taken these pieces.
 */
function inTheirOrder<Result>(due: readonly DueOrder[], work: (order: DueOrder) => Promise<Result>): Promise<Result[]> {
  const limit = pLimit(ORDERS_AT_ONCE);
  const givingBack = new Map<string, Promise<unknown>>();
  return Promise.all(
    due.map((order) => {
      const skus = skusOf(order);
      const before = skus.flatMap((sku) => givingBack.get(sku) ?? []);
      const working = limit(async () => {
        await Promise.all(before);
        return work(order);
      });
      if (givesStockBack(order)) for (const sku of skus) givingBack.set(sku, working);
      return working;
    }),
  );
}

async function replayOne(again: RunAgainDeps, due: DueOrder, opened: Promise<Return> | null): Promise<ReplayedOrder> {
  const { orderId, tenantId, order, commands } = due;
  const about = { orderId, tenantId, was: order?.status ?? null, commands: commands.length };
  try {
    const { result, left } = await replayParts(again, due, opened);
    return { ...about, left, outcome: result.kind, detail: result.kind === 'other' ? result.what : null };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ...about, left: commands.length, outcome: 'failed', detail };
  }
}

/** Whether nothing is left to do for a second replay. */
export function isDone({ outcome, left }: ReplayedOrder): boolean {
  return outcome !== 'failed' && outcome !== 'waiting' && left === 0;
}

interface ReplayedParts {
  readonly result: Return;
  readonly left: number;
}

/** A part follows when the one before it has ended, and the first one that has not come back as it was counts. */
async function replayParts(again: RunAgainDeps, due: DueOrder, opened: Promise<Return> | null): Promise<ReplayedParts> {
  const { order } = due;
  let result = await (opened ?? (order === null ? orderEnd(again, due) : runOrderAgain(again, order)));
  // What the provider reports about an open order, its own workflow looks up.
  const parts = partsOf(again, result.kind === 'carried' ? { ...due, isReported: false } : due);
  // Its repair is among its commands.
  if (result.kind === 'unrepaired' && parts.length > 0) result = SAME;
  for (const [index, part] of parts.entries()) {
    if (isHeld(result)) return { result, left: parts.length - index };
    const next = await part();
    if (result.kind === 'same' || isHeld(next)) result = next;
  }
  return { result, left: 0 };
}

const SAME: Return = { kind: 'same' };

function isHeld({ kind }: Return): boolean {
  return kind === 'waiting' || kind === 'parked';
}

function partsOf(
  again: RunAgainDeps,
  { commands, isReported, orderId, tenantId }: DueOrder,
): (() => Promise<Return>)[] {
  const parts = commands.map((command) => () => runCommandAgain(again, command));
  return isReported ? [...parts, () => reconcileAgain(again, { orderId, tenantId })] : parts;
}
