import { ApplicationFailure, condition } from '@temporalio/workflow';
import type { CaptureCommand, OrderCommand } from '../../domain/command.ts';
import { COMMAND_REFUSALS, type CommandReply } from '../contract.ts';

/** A command that waits for the order's answer. */
export type PendingCommand =
  | ({ readonly kind: 'cancel'; readonly amountMinor: null } & OrderCommand)
  | ({ readonly kind: 'capture' } & CaptureCommand);

/**
 * The commands that reach an order by Update or by signal while its workflow is open. The id identifies a command, so
 * one that arrives both ways, or again after a rerun, is one command.
 */
export interface OrderCommands {
  /**
   * Validates an Update. A command that would wait for long is refused, because an open Update takes one of the few
   * places that the server has for the workflow's Updates, including those with operators' decisions.
   * @throws {ApplicationFailure} of a type in {@link COMMAND_REFUSALS}.
   */
  check(command: OrderCommand): void;
  /** Handles an Update: waits for the answer. */
  ask(command: PendingCommand): Promise<CommandReply>;
  /** Handles a signal. */
  note(command: PendingCommand): void;
  /** The oldest command without an answer, if there is one. */
  next(kind?: PendingCommand['kind']): PendingCommand | null;
  reply(command: PendingCommand, reply: CommandReply): void;
  /** Runs work that no command can interrupt, even if it takes long. */
  uninterrupted<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Largest number of waiting Updates; the server has 10 places for each workflow. */
const WAITING_MAX = 4;

export function createOrderCommands(): OrderCommands {
  const pending = new Map<string, PendingCommand>();
  const replies = new Map<string, CommandReply>();
  let waiting = 0;
  let isBusy = false;
  const note = (command: PendingCommand): void => {
    if (!replies.has(command.commandId)) pending.set(command.commandId, command);
  };
  return {
    note,
    check: ({ commandId }) => {
      if (replies.has(commandId) || (!isBusy && waiting < WAITING_MAX)) return;
      const type = pending.has(commandId) ? COMMAND_REFUSALS.pending : COMMAND_REFUSALS.busy;
      throw ApplicationFailure.nonRetryable('the order is doing what cannot be interrupted', type);
    },
    ask: async (command) => {
      note(command);
      waiting += 1;
      try {
        await condition(() => replies.has(command.commandId));
      } finally {
        waiting -= 1;
      }
      return replies.get(command.commandId) ?? 'closed';
    },
    next: (kind) => [...pending.values()].find((command) => kind === undefined || command.kind === kind) ?? null,
    reply: (command, reply) => {
      pending.delete(command.commandId);
      replies.set(command.commandId, reply);
    },
    uninterrupted: async (work) => {
      isBusy = true;
      try {
        return await work();
      } finally {
        isBusy = false;
      }
    },
  };
}
