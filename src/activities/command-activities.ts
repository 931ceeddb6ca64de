import type {
  CommandEnd,
  CommandOfOrder,
  CommandRepository,
  DecidedCommand,
} from '../../db/repositories/orders/command-repository.ts';
import type { OrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { COMMAND_ENDS, type CommandEndEvent, type CommandRule, type OrderOwnership } from '../domain/command.ts';
import { OrderStateConflictError } from '../domain/errors.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { OrderMoves } from './left-cases.ts';

export interface CommandActivityDeps {
  readonly orders: OrderRepository;
  readonly moves: OrderMoves;
  readonly commands: CommandRepository;
}

/** Steps that move an accepted order because a client or an operator asked for it. */
export function createCommandActivities({ orders, moves, commands }: CommandActivityDeps) {
  return {
    /**
     * Effect: changes PENDING to AWAITING_CAPTURE, with the total and the time until which the order waits.
     * Key: guarded status write.
     * Outcomes: the stored time; also if an earlier attempt stored it.
     * Failures: database, retryable; another status, permanent.
     * Undo: none.
     */
    async awaitCapture(input: {
      orderId: string;
      tenantId: string;
      totalMinor: number;
      captureWithinMs: number;
    }): Promise<{ captureBy: string }> {
      const { orderId, totalMinor, captureWithinMs } = input;
      const { captureBy } = await moves.move('await-capture', {
        orderId,
        to: 'AWAITING_CAPTURE',
        eventType: 'order.authorized',
        actor: 'system',
        totalMinor,
        captureWithinMs,
      });
      if (captureBy === null) throw new OrderStateConflictError(orderId, 'without a time', 'awaited');
      return { captureBy: captureBy.toISOString() };
    },

    /**
     * Effect: decides a command by the order's row; an allowed command owns the order from then on, and an archived
     * order comes back to the hot tables.
     * Key: the command id; the first decision stays.
     * Outcomes: the decision; `busy` (which is not stored) while another command owns the order; null when the order
     * has another version than the caller judged, or was sold and the rule is only for unsold orders.
     * Failures: database, retryable.
     * Undo: none.
     */
    async decideCommand(input: { command: CommandOfOrder; rule: CommandRule }): Promise<DecidedCommand | null> {
      return commands.decide(input.command, input.rule);
    },

    /**
     * Effect: none.
     * Outcomes: the status of the order, and how one of its commands ended.
     * Failures: database, retryable.
     */
    async readOrder(input: OrderQuestion): Promise<OrderAnswer> {
      return readOrder(orders, input);
    },

    /**
     * Effect: stores the decision that an authorized order expires, before anything is undone.
     * Key: the first decision stays.
     * Outcomes: the order's version at the decision, which is the turn of the undo steps.
     * Failures: database, retryable; the order has another owner or no longer waits for a capture, permanent.
     * Undo: none.
     */
    async recordExpiry(input: {
      orderId: string;
      tenantId: string;
      /** The capture whose authorization is gone; null when no command owns the order. */
      ownerId: string | null;
    }): Promise<{ turn: number }> {
      return { turn: await orders.recordExpiry(input.orderId, input.ownerId) };
    },

    /**
     * Effect: ends a command that leaves the status as it is, ends its ownership of the order, and writes the event.
     * Key: guarded by the ownership.
     * Outcomes: the event that has ended the command; also if an earlier attempt wrote it. Null when the command had
     * ended otherwise: its capture has sold the order. Histories of earlier versions have none.
     * Failures: database, retryable.
     * Undo: none.
     */
    async endCommand(
      input: CommandEnd & { tenantId: string; eventType: CommandEndEvent },
    ): Promise<{ event: CommandEndEvent | null } | undefined> {
      const hasEnded = await commands.release(input);
      await moves.closeLeft('end-command', input.orderId);
      if (hasEnded) return { event: input.eventType };
      return { event: (await endOf(orders, input, input.commandId)).commandEnd ?? null };
    },

    /**
     * Effect: writes the status that ends a command (CANCELLED, EXPIRED, PARTIALLY_REFUNDED or REFUNDED) with its
     * event, and ends the ownership of the order; runs only when the effects that the status states are proved.
     * Key: guarded status write.
     * Outcomes: done; also if an earlier attempt did it.
     * Failures: database, retryable; another status or owner, permanent.
     * Undo: none.
     */
    async closeCommand(input: {
      orderId: string;
      tenantId: string;
      to: 'CANCELLED' | 'EXPIRED' | 'PARTIALLY_REFUNDED' | 'REFUNDED';
      /** The command that the status ends; absent when no command owns the order. */
      ownerId?: string;
      /** What the event says about the command. */
      data?: Readonly<Record<string, unknown>>;
    }): Promise<void> {
      const { orderId, to, ownerId, data } = input;
      const eventType = `order.${to.toLowerCase()}`;
      const refusal = to === 'EXPIRED' ? ({ reason: 'payment_expired', details: null } as const) : undefined;
      await moves.move('close-command', {
        orderId,
        to,
        eventType,
        actor: 'system',
        ownerId,
        ...(refusal === undefined ? {} : { refusal }),
        ...(data === undefined ? {} : { data }),
      });
    },
  };
}

/** Which order is read, and which of its commands is looked up. */
interface OrderQuestion {
  readonly orderId: string;
  readonly tenantId: string;
  readonly commandId?: string;
}

/** Optional fields are absent in histories of earlier versions. */
interface OrderAnswer {
  readonly status: OrderStatus;
  readonly version: number;
  readonly refusal: Refusal | null;
  readonly wasSold: boolean;
  /** The command that owns the order. */
  readonly owner?: OrderOwnership | null;
  readonly totalMinor?: number | null;
  /** The event that ended the command; null while the command has not ended, and when no command was asked about. */
  readonly commandEnd?: CommandEndEvent | null;
  /** The amount that this event states. */
  readonly commandEndMinor?: number | null;
}

async function readOrder(orders: OrderRepository, input: OrderQuestion): Promise<OrderAnswer> {
  const found = await orders.findOptional(input.tenantId, input.orderId);
  if (found === null) throw new OrderStateConflictError(input.orderId, 'absent', 'read');
  const { status, version, refusal, confirmedAt, ownerCommandId, totalMinor } = found;
  const owner = ownerCommandId === null ? null : await orders.findOwnership(input.orderId);
  const end = input.commandId === undefined ? null : await endOf(orders, input, input.commandId);
  return { status, version, refusal, wasSold: confirmedAt !== null, owner, totalMinor, ...end };
}

async function endOf(
  orders: OrderRepository,
  { tenantId, orderId }: OrderQuestion,
  commandId: string,
): Promise<Pick<OrderAnswer, 'commandEnd' | 'commandEndMinor'>> {
  const events = await orders.timeline(tenantId, orderId);
  const ofCommand = events.filter(({ data }) => data['commandId'] === commandId);
  const commandEnd = COMMAND_ENDS.find((end) => ofCommand.some(({ type }) => type === end)) ?? null;
  const told = ofCommand.find(({ type }) => type === commandEnd)?.data['amountMinor'];
  return { commandEnd, commandEndMinor: typeof told === 'number' ? told : null };
}
