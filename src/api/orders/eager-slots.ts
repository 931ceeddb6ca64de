import { createBurstAllowance } from './burst-allowance.ts';
import { createOutsideShare } from './outside-share.ts';
import { createTenantLines } from './tenant-lines.ts';

/** How an order goes on: in a slot of this process, over the task queue, or not now. */
export type Admission = 'slot' | 'queue' | 'full';

/**
 * Slots for orders that this process carries through their fast path. They keep the number of orders in flight below
 * the worker's capacity: above it, tasks take the longer way over the task queue.
 */
export interface EagerSlots {
  /** Takes a slot, waiting up to the limit. A burst goes to the queue; in an overload nobody new may wait. */
  acquire(workflowId: string, tenantId: string): Promise<Admission>;
  /** Whether an order of the tenant would get `full` now; costs nothing, so it may be asked before anything is read. */
  isFull(tenantId: string): boolean;
  /** Frees the order's slot; harmless when it has none. */
  release(workflowId: string): void;
  /** Notes how long a step took, to tell slow partners from a busy machine. */
  stepEnded(ended: { readonly step: string; readonly seconds: number }): void;
  inUse(): number;
}

/**
 * Longest wait of a new order for a slot; it then starts over the task queue, the durable buffer for bursts. An order
 * that takes the queue costs half as much again (its task is written and read back). So if clients post as fast as they
 * are answered, a short wait carries more orders than accepting them at once: see ADR 0009.
 */
const SLOT_WAIT_MS = 2_000;

/**
 * Orders that may wait for a slot, per slot: as many as three changes of all slots can serve. Where slots change so
 * slowly that not all of them get one in time, the others wait nevertheless while a burst is allowed: a client that was
 * told 202 at once would post again at once, and a process that has just started, and is slow, would fill the task queue
 * within a second.
 */
const WAITERS_PER_SLOT = 3;

/**
 * An order that has not ended its fast path by then must not block other orders if it waits for a partner. If the
 * machine is busy, another order in its place would only make it busier; then it may hold its slot until its first
 * workflow task is given to somebody else (`workflowTaskTimeout`).
 */
const SLOT_HOLD_MS = 2_000;
const BUSY_HOLD_MS = 5_000;

/** Weight of one order in the mean time that orders hold a slot: it follows a change within 20 orders. */
const ORDER_WEIGHT = 0.05;

/** Before the first order has ended. */
const FIRST_HOLD_MS = 100;

/** Creates `size` slots. */
export function createEagerSlots(size: number): EagerSlots {
  const holders = new Map<string, { timer: NodeJS.Timeout; readonly since: number }>();
  const lines = createTenantLines<() => void>();
  const burst = createBurstAllowance();
  const partners = createOutsideShare();
  let meanHoldMs = FIRST_HOLD_MS;

  const take = (workflowId: string): void => {
    const holder = { timer: setTimeout(() => holdOn(), SLOT_HOLD_MS).unref(), since: performance.now() };
    const holdOn = (): void => {
      if (partners.isSlow()) release(workflowId);
      else holder.timer = setTimeout(() => release(workflowId), BUSY_HOLD_MS - SLOT_HOLD_MS).unref();
    };
    holders.set(workflowId, holder);
  };
  const release = (workflowId: string): void => {
    const holder = holders.get(workflowId);
    if (holder === undefined) return;
    clearTimeout(holder.timer);
    holders.delete(workflowId);
    meanHoldMs += (performance.now() - holder.since - meanHoldMs) * ORDER_WEIGHT;
    if (holders.size < size) lines.next()?.();
  };
  const hasPlace = (tenantId: string, places: number): boolean =>
    lines.lengthOf(tenantId) < Math.max(1, places / lines.tenantsWith(tenantId));
  const mayWait = (tenantId: string): boolean => hasPlace(tenantId, WAITERS_PER_SLOT * size);
  const isInTime = (tenantId: string): boolean => hasPlace(tenantId, (SLOT_WAIT_MS / meanHoldMs) * size);
  const asBurst = (): Admission => (partners.isSlow() || burst.spend() ? 'queue' : 'full');
  const waitForSlot = (workflowId: string, tenantId: string, otherwise: () => Admission): Promise<Admission> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        lines.leave(tenantId, grant);
        resolve(otherwise());
      }, SLOT_WAIT_MS);
      const grant = (): void => {
        clearTimeout(timer);
        take(workflowId);
        resolve('slot');
      };
      lines.join(tenantId, grant);
    });
  // To refuse orders because a partner is slow would make its slowness an outage of ours: the queue keeps them, until it
  // is too old.
  const hasRoom = (tenantId: string): boolean =>
    holders.size < size || (mayWait(tenantId) && isInTime(tenantId)) || partners.isSlow();

  return {
    acquire: async (workflowId, tenantId) => {
      // If the same order is posted twice at once, only one of the starts will succeed.
      if (holders.has(workflowId)) return 'queue';
      if (holders.size < size) {
        take(workflowId);
        return 'slot';
      }
      if (!mayWait(tenantId)) return asBurst();
      if (isInTime(tenantId)) return waitForSlot(workflowId, tenantId, () => 'queue');
      return burst.isSpent() ? asBurst() : waitForSlot(workflowId, tenantId, asBurst);
    },
    isFull: (tenantId) => !hasRoom(tenantId) && burst.isSpent(),
    release,
    stepEnded: partners.stepEnded,
    inUse: () => holders.size,
  };
}
