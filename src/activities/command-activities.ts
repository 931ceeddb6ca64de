import type {
  CommandOfOrder,
  CommandRepository,
  CommandRule,
  DecidedCommand,
} from '../../db/repositories/command-repository.ts';
import type { OrderRepository } from '../../db/repositories/order-repository.ts';
import { OrderStateConflictError } from '../domain/errors.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';

/** What the steps of commands work with. */
export interface CommandActivityDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
}

/** Steps that move an order after it was accepted: what clients and operators asked for. */
export function createCommandActivities({ orders, commands }: CommandActivityDeps) {
  return {
    /**
     * Effect: PENDING to AWAITING_CAPTURE with the total and the time until which it waits. Key: guarded status write.
     * Outcomes: the stored time, also when it was there. Failures: database, retryable; another status, permanent.
     * Undo: none.
     */
    async awaitCapture(input: {
      orderId: string;
      tenantId: string;
      totalMinor: number;
      captureWithinMs: number;
    }): Promise<{ captureBy: string }> {
      const { orderId, totalMinor, captureWithinMs } = input;
      const captureBy = new Date(Date.now() + captureWithinMs);
      const moved = await orders.transition({
        orderId,
        to: 'AWAITING_CAPTURE',
        eventType: 'order.authorized',
        actor: 'system',
        totalMinor,
        captureBy,
      });
      return { captureBy: (moved.captureBy ?? captureBy).toISOString() };
    },

    /**
     * Effect: decides a command by the order's status, moves the status with its event, stores the answer. Key: the
     * command id; the first decision stays. Outcomes: the decision, null when the order has another version than the
     * caller judged, or was sold and the rule is for what is not. Failures: database, retryable. Undo: none.
     */
    async decideCommand(input: { command: CommandOfOrder; rule: CommandRule }): Promise<DecidedCommand | null> {
      return commands.decide(input.command, input.rule);
    },

    /** Effect: none. Outcomes: where the order is. Failures: database, retryable. */
    async readOrder(input: { orderId: string; tenantId: string }): Promise<{
      status: OrderStatus;
      version: number;
      refusal: Refusal | null;
      wasSold: boolean;
    }> {
      const found = await orders.findOptional(input.tenantId, input.orderId);
      if (found === null) throw new OrderStateConflictError(input.orderId, 'absent', 'read');
      const { status, version, refusal, confirmedAt } = found;
      return { status, version, refusal, wasSold: confirmedAt !== null };
    },

    /**
     * Effect: the status that ends a command: CANCELLED, EXPIRED, PARTIALLY_REFUNDED or REFUNDED, with its event; runs
     * only when it is proved. Key: guarded status write. Outcomes: done, also when it was. Failures: database,
     * retryable; another status, permanent. Undo: none.
     */
    async settleOrder(input: {
      orderId: string;
      tenantId: string;
      to: 'CANCELLED' | 'EXPIRED' | 'PARTIALLY_REFUNDED' | 'REFUNDED';
    }): Promise<void> {
      const { orderId, to } = input;
      const eventType = `order.${to.toLowerCase()}`;
      await orders.transition({ orderId, to, eventType, actor: 'system' });
    },
  };
}
