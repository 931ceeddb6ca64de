/**
 * Slots for orders that this process carries through their fast path. They keep the number of orders in flight below
 * the worker's capacity: above it, tasks take the longer way over the task queue.
 */
export interface EagerSlots {
  /** Takes a slot, waiting up to the limit; false when no slot became free. */
  acquire(workflowId: string): Promise<boolean>;
  /** Frees the order's slot; harmless when it has none. */
  release(workflowId: string): void;
  inUse(): number;
}

/**
 * Longest wait of a new order for a slot; it then starts over the task queue, the durable buffer for bursts. An order
 * that takes the queue costs half as much again (its task is written and read back). So if clients post as fast as they
 * are answered, a short wait carries more orders than accepting them at once: see ADR 0009.
 */
const SLOT_WAIT_MS = 2_000;

/**
 * Orders that may wait for a slot, per slot: as many as one change of all slots can serve. More orders are a burst, and
 * go to the task queue without waiting.
 */
const WAITERS_PER_SLOT = 3;

/** An order that has not ended its fast path by then is waiting for something, and must not block other orders. */
const SLOT_HOLD_MS = 2_000;

/** Creates `size` slots. */
export function createEagerSlots(size: number): EagerSlots {
  const holders = new Map<string, NodeJS.Timeout>();
  const waiting: Array<() => boolean> = [];
  let waiters = 0;

  const take = (workflowId: string): void => {
    holders.set(workflowId, setTimeout(() => release(workflowId), SLOT_HOLD_MS).unref());
  };
  const release = (workflowId: string): void => {
    const timer = holders.get(workflowId);
    if (timer === undefined) return;
    clearTimeout(timer);
    holders.delete(workflowId);
    // A waiter that gave up declines, and the slot goes to the next one.
    while (holders.size < size) {
      const grant = waiting.shift();
      if (grant === undefined) return;
      grant();
    }
  };
  const waitForSlot = (workflowId: string): Promise<boolean> =>
    new Promise((resolve) => {
      let settled = false;
      const settle = (granted: boolean): boolean => {
        if (settled) return false;
        settled = true;
        waiters -= 1;
        clearTimeout(timer);
        if (granted) take(workflowId);
        resolve(granted);
        return granted;
      };
      const timer = setTimeout(() => settle(false), SLOT_WAIT_MS);
      waiters += 1;
      waiting.push(() => settle(true));
    });

  return {
    acquire: async (workflowId) => {
      // If the same order is posted twice at once, only one of the starts will succeed.
      if (holders.has(workflowId)) return false;
      if (holders.size >= size) return waiters < WAITERS_PER_SLOT * size && waitForSlot(workflowId);
      take(workflowId);
      return true;
    },
    release,
    inUse: () => holders.size,
  };
}
