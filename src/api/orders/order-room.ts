import { retryAfterSeconds } from '../http/concurrency-limit.ts';
import { unavailable, type ProblemError } from '../http/problem.ts';
import type { EagerSlots } from './eager-slots.ts';

/** Whether there is room for another order. */
export interface OrderRoom {
  /** `unavailable` when an order of the tenant would find no room, else null. */
  refusalOf(tenantId: string): ProblemError | null;
}

/** `slots` is null in a process without a worker: there orders wait on the task queue. */
export function createOrderRoom(slots: EagerSlots | null): OrderRoom {
  return { refusalOf: (tenantId) => (slots?.isFull(tenantId) === true ? tooManyOrders() : null) };
}

/** The answer to an order for which there is no room. */
export function tooManyOrders(): ProblemError {
  return unavailable('too many orders are under way; nothing was accepted', retryAfterSeconds());
}
