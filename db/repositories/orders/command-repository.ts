import {
  judgeCommand,
  type CommandDecision,
  type CommandKind,
  type CommandRule,
  type CommandVerdict,
  type OrderCommand,
  type OrderToDecide,
} from '../../../src/domain/command.ts';
import type { OrderMove, OrderMoveListener } from '../../../src/domain/order-move.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import { acrossTenants } from '../../../src/runtime/tenants/tenant-reach.ts';
import type { Database, Transaction } from '../../client.ts';
import {
  ANSWER_COMMAND,
  FIND_COMMAND,
  LIST_COMMANDS,
  LIST_OWNED,
  LOCK_ORDER,
  OLDEST_OWNED,
  OWN_ORDER,
  RELEASE_ORDER,
  RESTORE_ORDER,
} from './command-statements.ts';

/** A command and the order that it is about. */
export interface CommandOfOrder extends OrderCommand {
  readonly orderId: string;
  readonly tenantId: string;
  readonly kind: CommandKind;
  readonly amountMinor: number | null;
}

/** The decision on a command. Only a command that owns or owned the order has a turn and a generation. */
export interface DecidedCommand {
  readonly decision: CommandDecision;
  /** The amount of the first decision, even if a repeated request names another one. */
  readonly amountMinor: number | null;
  /** The number of the capture or the refund within the order; it is part of the key at the provider. */
  readonly generation: number | null;
  /** The order's version when the command became its owner; a later owner has a higher version. */
  readonly turn: number | null;
}

/** A command that has been answered. */
export interface AnsweredCommand extends DecidedCommand {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly requestHash: string;
}

/** A command with everything that is stored about it. */
export interface StoredCommand extends AnsweredCommand {
  readonly actor: string;
  readonly reason: string | null;
  readonly answeredAt: Date;
}

/** A command that owns its order, and how long the order has been quiet. */
export interface OwningCommand extends Omit<StoredCommand, 'answeredAt'> {
  readonly orderId: string;
  readonly tenantId: string;
  readonly quietSeconds: number;
}

/** The end of a command that leaves the order's status as it is. */
export interface CommandEnd {
  readonly orderId: string;
  readonly commandId: string;
  readonly eventType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Commands, their answers, and which command owns an order. */
export interface CommandRepository {
  /**
   * Decides a command by the order's row, under the row's lock. An allowed command owns the order from then on, and no
   * other command can own it until this one has ended. A command that was decided before keeps its decision. Null when
   * nothing was decided, because the order does not exist or has another version than the caller judged. The decision
   * `busy` is not stored.
   */
  decide(command: CommandOfOrder, rule: CommandRule): Promise<DecidedCommand | null>;
  /** Ends a command that leaves the status as it is; false when the command no longer owned the order. */
  release(end: CommandEnd): Promise<boolean>;
  /** Stores an answer that changes nothing; returns the answer that is stored now. */
  answer(command: CommandOfOrder, decision: CommandDecision): Promise<CommandDecision>;
  findOptional(tenantId: string, commandId: string): Promise<AnsweredCommand | null>;
  /** The commands, oldest answer first. */
  listByOrder(tenantId: string, orderId: string): Promise<StoredCommand[]>;
  /** Commands whose order has been quiet for `quietSeconds`, sorted by order id. */
  listOwning(quietSeconds: number, after: string, limit: number): Promise<OwningCommand[]>;
  /**
   * Figures for the metrics, over all tenants: how many commands own an order, and how long the quietest of these
   * orders has been quiet.
   */
  owning(): Promise<{ readonly count: number; readonly oldestSeconds: number }>;
}

export function createCommandRepository(db: Database, onMove: OrderMoveListener = () => {}): CommandRepository {
  const findOptional = async (tenantId: string, commandId: string): Promise<AnsweredCommand | null> => {
    const [row] = await db.run<AnsweredCommand>(FIND_COMMAND, [commandId, tenantId]);
    return row ?? null;
  };
  return {
    findOptional,
    listByOrder: (tenantId, orderId) => db.run<StoredCommand>(LIST_COMMANDS, [tenantId, orderId]),
    decide: async (command, rule) => {
      const { decided, move } = await db.transaction((tx) => decide(tx, command, rule));
      if (move !== null) onMove(move);
      return decided;
    },
    release: async ({ orderId, commandId, eventType, data }) =>
      (await db.run(RELEASE_ORDER, [orderId, commandId, eventType, JSON.stringify(data)])).length > 0,
    answer: async (command, decision) => {
      await db.run(ANSWER_COMMAND, [...columnsOf(command), decision]);
      return (await findOptional(command.tenantId, command.commandId))?.decision ?? decision;
    },
    listOwning: (quietSeconds, after, limit) => db.run<OwningCommand>(LIST_OWNED, [quietSeconds, after, limit]),
    owning: async () => {
      const [row] = await acrossTenants(() => db.run<{ count: number; oldestSeconds: number }>(OLDEST_OWNED, []));
      return row ?? { count: 0, oldestSeconds: 0 };
    },
  };
}

/**
 * The statements after the lock see everything that earlier holders of the lock have committed, so no number is drawn
 * twice.
 */
async function decide(tx: Transaction, command: CommandOfOrder, rule: CommandRule): Promise<Decided> {
  const { commandId, tenantId } = command;
  const order = await lockOrder(tx, command);
  if (order === undefined) return unmoved(null);
  const [known] = await tx.run<AnsweredCommand>(FIND_COMMAND, [commandId, tenantId]);
  if (known !== undefined) return unmoved(decidedOf(known));
  const verdict = judgeCommand(order, rule);
  switch (verdict.kind) {
    case 'look_again':
      return unmoved(null);
    case 'busy':
      return unmoved(undecided('busy'));
    case 'refused':
      return unmoved(await answer(tx, command, verdict.decision));
    case 'joined':
      return unmoved(await answer(tx, command, promiseOf(verdict.row, order)));
    case 'owns':
      return own(tx, command, { ...verdict, order });
  }
}

/** An archived order comes back to the hot tables, because the command may change it. */
async function lockOrder(
  tx: Transaction,
  order: Pick<CommandOfOrder, 'orderId' | 'tenantId'>,
): Promise<LockedOrder | undefined> {
  const [locked] = await tx.run<LockedOrder>(LOCK_ORDER, [order.orderId, order.tenantId]);
  if (locked?.isArchived !== true) return locked;
  await tx.run(RESTORE_ORDER, [order.orderId]);
  return lockOrder(tx, order);
}

/** A decision, and the status that the order enters with it. */
interface Decided {
  readonly decided: DecidedCommand | null;
  readonly move: OrderMove | null;
}

function unmoved(decided: DecidedCommand | null): Decided {
  return { decided, move: null };
}

interface LockedOrder extends OrderToDecide {
  /** The order's total is 0, so no payment was taken. */
  readonly isFree: boolean;
  readonly isArchived: boolean;
  readonly captureCount: number;
  readonly refundCount: number;
}

/** What a cancel of a sold order is promised: a refund, or only the cancellation if nothing was taken. */
function promiseOf({ allowed }: Allowed['row'], { isFree }: LockedOrder): CommandDecision {
  return isFree && allowed === 'will_refund' ? 'will_cancel' : allowed;
}

async function answer(tx: Transaction, command: CommandOfOrder, decision: CommandDecision): Promise<DecidedCommand> {
  await tx.run(ANSWER_COMMAND, [...columnsOf(command), decision]);
  return { ...undecided(decision), amountMinor: command.amountMinor };
}

type Allowed = Extract<CommandVerdict, { kind: 'owns' }>;

async function own(
  tx: Transaction,
  command: CommandOfOrder,
  { row: rule, generationsUsed, order }: Allowed & { readonly order: LockedOrder },
): Promise<Decided> {
  const { to, eventType } = rule;
  const { captureCount, refundCount, status } = order;
  const allowed = promiseOf(rule, order);
  const isCapture = command.kind === 'capture';
  const generation = 1 + Math.max(isCapture ? captureCount : refundCount, generationsUsed);
  const counts: [number, number] = isCapture ? [generation, refundCount] : [captureCount, generation];
  const edge: readonly [OrderStatus | null, OrderStatus | null] = to === null ? [null, null] : [status, to];
  const [row] = await tx.run<{ turn: number; correlationId: string }>(OWN_ORDER, [
    ...columnsOf(command),
    to ?? status,
    eventType,
    allowed,
    generation,
    ...counts,
    ...edge,
  ]);
  const decided = { decision: allowed, amountMinor: command.amountMinor, generation, turn: row?.turn ?? null };
  if (to === null || row === undefined) return unmoved(decided);
  const { orderId, tenantId } = command;
  const { turn: version, correlationId } = row;
  const move = { orderId, tenantId, correlationId, from: status, to, version, reason: null, reasonDetails: null };
  return { decided, move };
}

function undecided(decision: CommandDecision): DecidedCommand {
  return { decision, amountMinor: null, generation: null, turn: null };
}

function decidedOf({ decision, amountMinor, generation, turn }: AnsweredCommand): DecidedCommand {
  return { decision, amountMinor, generation, turn };
}

function columnsOf(command: CommandOfOrder): unknown[] {
  const { commandId, orderId, tenantId, kind, requestHash, actor, reason, amountMinor } = command;
  return [commandId, orderId, tenantId, kind, requestHash, actor, reason, amountMinor];
}
