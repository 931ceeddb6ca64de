/** The orders that hold a slot now, and how long orders hold one. */
export interface SlotHolders {
  add(workflowId: string): void;
  has(workflowId: string): boolean;
  /** Harmless for an order that holds none. */
  remove(workflowId: string): void;
  size(): number;
  /**
   * Milliseconds that an order holds a slot. Those count, too, that have not ended yet: otherwise orders that hold their
   * slots for long would count last.
   */
  usualHoldMs(): number;
}

export interface SlotHoldersDeps {
  /** Whether orders spend nearly all their time in waiting for somebody outside. */
  readonly isPartnerSlow: () => boolean;
  /** Seconds that the oldest order has waited on the task queue; null when the queue is not behind. */
  readonly secondsBehind: () => number | null;
  /** Called after an order has lost or given back its slot. */
  readonly onLeft: () => void;
}

/**
 * An order that has not ended its fast path by then must not block other orders if it waits for a partner. If the
 * machine is busy, another order in its place would only make it busier; then it may hold its slot for as long as its
 * first workflow task usually has (`WORKFLOW_TASK_TIMEOUT_MS`). While the task queue is behind, the order may wait
 * there, because a worker without a free place has not taken it eagerly: another order in its slot would only make the
 * queue longer. It cannot have waited for longer than the oldest order there. Beyond that it was carried by another
 * process, of which this one hears nothing.
 */
const SLOT_HOLD_MS = 2_000;
const BUSY_HOLD_MS = 5_000;
const BEHIND_HOLD_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;

/** The age of the task queue is looked at every two seconds. */
const AGE_LATE_SECONDS = 2;

/** Weight of one order in the mean time that orders hold a slot: it follows a change within 20 orders. */
const ORDER_WEIGHT = 0.05;

/** Before the first order has ended. */
const FIRST_HOLD_MS = 100;

export function createSlotHolders({ isPartnerSlow, secondsBehind, onLeft }: SlotHoldersDeps): SlotHolders {
  const holders = new Map<string, { timer: NodeJS.Timeout; readonly since: number }>();
  let meanHoldMs = FIRST_HOLD_MS;

  const limitMs = (): number => {
    if (isPartnerSlow()) return SLOT_HOLD_MS;
    const age = secondsBehind();
    return age === null ? BUSY_HOLD_MS : Math.min(BEHIND_HOLD_MS, BUSY_HOLD_MS + (age + AGE_LATE_SECONDS) * 1_000);
  };
  const remove = (workflowId: string): void => {
    const holder = holders.get(workflowId);
    if (holder === undefined) return;
    clearTimeout(holder.timer);
    holders.delete(workflowId);
    meanHoldMs += (performance.now() - holder.since - meanHoldMs) * ORDER_WEIGHT;
    onLeft();
  };
  return {
    add: (workflowId) => {
      const since = performance.now();
      const lookAfter = (ms: number): NodeJS.Timeout => setTimeout(look, ms).unref();
      const look = (): void => {
        const leftMs = limitMs() - (performance.now() - since);
        if (leftMs > 0) holder.timer = lookAfter(Math.min(leftMs, LOOK_AGAIN_MS));
        else remove(workflowId);
      };
      const holder = { timer: lookAfter(SLOT_HOLD_MS), since };
      holders.set(workflowId, holder);
    },
    has: (workflowId) => holders.has(workflowId),
    remove,
    size: () => holders.size,
    usualHoldMs: () => {
      const now = performance.now();
      const heldMs = [...holders.values()].reduce((sum, { since }) => sum + now - since, 0);
      return Math.max(meanHoldMs, heldMs / Math.max(1, holders.size));
    },
  };
}
