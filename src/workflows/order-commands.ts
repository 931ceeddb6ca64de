import { condition } from '@temporalio/workflow';
import type { CaptureCommand, OrderCommand } from '../domain/command.ts';
import type { CommandReply } from './contract.ts';

/** A command that waits for the order's answer. */
export type PendingCommand =
  | ({ readonly kind: 'cancel'; readonly amountMinor: null } & OrderCommand)
  | ({ readonly kind: 'capture' } & CaptureCommand);

/**
 * The commands that reach an order while its workflow is open, by Update or by signal. A command is known by its id, so
 * one that arrives both ways, or again after a rerun, is one command.
 */
export interface OrderCommands {
  /** Handler of an Update: waits for the answer. */
  ask(command: PendingCommand): Promise<CommandReply>;
  /** Handler of a signal. */
  note(command: PendingCommand): void;
  /** The oldest command without an answer, if any. */
  next(kind?: PendingCommand['kind']): PendingCommand | null;
  reply(command: PendingCommand, reply: CommandReply): void;
}

/** Creates the mailbox of one order. */
export function createOrderCommands(): OrderCommands {
  const pending = new Map<string, PendingCommand>();
  const replies = new Map<string, CommandReply>();
  const note = (command: PendingCommand): void => {
    if (!replies.has(command.commandId)) pending.set(command.commandId, command);
  };
  return {
    note,
    ask: async (command) => {
      note(command);
      await condition(() => replies.has(command.commandId));
      return replies.get(command.commandId) ?? 'closed';
    },
    next: (kind) => [...pending.values()].find((command) => kind === undefined || command.kind === kind) ?? null,
    reply: (command, reply) => {
      pending.delete(command.commandId);
      replies.set(command.commandId, reply);
    },
  };
}
