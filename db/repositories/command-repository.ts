import type { CommandDecision, CommandKind, OrderCommand } from '../../src/domain/command.ts';
import { statusesLeadingTo, type OrderStatus } from '../../src/domain/order-status.ts';
import type { Database } from '../client.ts';
import { ANSWER_COMMAND, DECIDE_COMMAND, FIND_COMMAND, LIST_COMMANDS } from './command-statements.ts';

/** A command of an order with what it is about. */
export interface CommandOfOrder extends OrderCommand {
  readonly orderId: string;
  readonly tenantId: string;
  readonly kind: CommandKind;
  readonly amountMinor: number | null;
}

/** What a command may do to the order's status. */
export interface CommandRule {
  /** Statuses it may start from; by default all that lead to `to`. */
  readonly from?: readonly OrderStatus[];
  readonly to: OrderStatus;
  readonly eventType: string;
  readonly allowed: CommandDecision;
  readonly refused: CommandDecision;
  /** Seconds since the confirmation. */
  readonly windowSeconds?: number;
  /** Version at which the caller judged the order; another one decides nothing. */
  readonly version?: number;
  /** An order that was sold meanwhile decides nothing: the command is another one's to decide. */
  readonly unlessSold?: boolean;
}

/** A command that was answered. */
export interface AnsweredCommand {
  readonly commandId: string;
  readonly kind: CommandKind;
  readonly requestHash: string;
  readonly decision: CommandDecision;
  readonly amountMinor: number | null;
  readonly generation: number | null;
}

/** A command with everything that is stored of it. */
export interface StoredCommand extends AnsweredCommand {
  readonly actor: string;
  readonly reason: string | null;
}

/** How a command was decided; `generation` numbers the refunds and the captures of an order that were allowed. */
export interface DecidedCommand {
  readonly decision: CommandDecision;
  readonly generation: number | null;
}

/** Commands and their answers. */
export interface CommandRepository {
  /**
   * Decides a command by the order's status, changes the status accordingly, and stores the answer; what was decided
   * before stays. Null when nothing was decided: no such order, another version, or sold.
   */
  decide(command: CommandOfOrder, rule: CommandRule): Promise<DecidedCommand | null>;
  /** Stores an answer that changes nothing; returns the one that stands. */
  answer(command: CommandOfOrder, decision: CommandDecision): Promise<CommandDecision>;
  findOptional(tenantId: string, commandId: string): Promise<AnsweredCommand | null>;
  /** Oldest answer first. */
  listByOrder(tenantId: string, orderId: string): Promise<StoredCommand[]>;
}

/** Creates the repository over the `orders` schema. */
export function createCommandRepository(db: Database): CommandRepository {
  const findOptional = async (tenantId: string, commandId: string): Promise<AnsweredCommand | null> => {
    const [row] = await db.run<AnsweredCommand>(FIND_COMMAND, [commandId, tenantId]);
    return row ?? null;
  };
  return {
    findOptional,
    listByOrder: (tenantId, orderId) => db.run<StoredCommand>(LIST_COMMANDS, [tenantId, orderId]),
    decide: async (command, rule) => {
      const [row] = await db.run<DecidedCommand>(DECIDE_COMMAND, [
        ...columnsOf(command),
        rule.from ?? statusesLeadingTo(rule.to),
        rule.to,
        rule.eventType,
        rule.allowed,
        rule.refused,
        rule.windowSeconds ?? null,
        rule.version ?? null,
        rule.unlessSold ?? false,
      ]);
      return row ?? (await findOptional(command.tenantId, command.commandId));
    },
    answer: async (command, decision) => {
      await db.run(ANSWER_COMMAND, [...columnsOf(command), decision]);
      return (await findOptional(command.tenantId, command.commandId))?.decision ?? decision;
    },
  };
}

function columnsOf(command: CommandOfOrder): unknown[] {
  const { commandId, orderId, tenantId, kind, requestHash, actor, reason, amountMinor } = command;
  return [commandId, orderId, tenantId, kind, requestHash, actor, reason, amountMinor];
}
