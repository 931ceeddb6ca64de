import { createBusyLoop, type BusyLoop } from '../../runtime/busy-loop.ts';
import { WORKFLOW_TASK_TIMEOUT_MS } from '../../workflows/contract.ts';
import { createBurstAllowance } from './burst-allowance.ts';
import { createOutsideShare } from './outside-share.ts';
import { createSlotHolders } from './slot-holders.ts';
import { createTenantLines } from './tenant-lines.ts';

/** How an order goes on: in a slot of this process, over the task queue, or not now. */
export type Admission = 'slot' | 'queue' | 'full';

/**
 * Slots for orders that this process carries through their fast path. They keep the number of orders in flight below
 * the worker's capacity: above it, tasks take the longer way over the task queue.
 */
export interface EagerSlots {
  /**
   * Takes a slot, waiting up to the limit. A burst goes to the queue. Who is not admitted is told so at once; an order that
   * may wait has a place for certain.
   */
  acquire(workflowId: string, tenantId: string): Promise<Admission>;
  /** Whether an order of the tenant would get `full` now; costs nothing, so it may be asked before anything is read. */
  isFull(tenantId: string): boolean;
  /** Frees the order's slot; harmless when it has none. */
  release(workflowId: string): void;
  /** Has the age in seconds of the oldest order on the task queue looked at; by default it is 0. */
  watchBacklog(ageSeconds: () => number): void;
  /** Notes how long a step took, to tell slow partners from a busy machine. */
  stepEnded(ended: { readonly step: string; readonly seconds: number }): void;
  /**
   * Milliseconds that one workflow task of a new order may take. Usually it is short, so that a dead worker's orders are
   * taken over soon.
   */
  taskTimeoutMs(): number;
  inUse(): number;
}

/**
 * Longest wait of a new order for a slot; it then starts over the task queue, the durable buffer for bursts. An order that
 * takes the queue costs half as much again (its task is written and read back). So if clients post as fast as they are
 * answered, a short wait carries more orders than accepting them at once: see ADR 0009.
 */
const SLOT_WAIT_MS = 2_000;

/**
 * The same while the task queue is behind, where another order would only make it longer. Who may wait was expected to
 * get a slot within two seconds, so few wait for this long; the answer must come before the client gives up (6 s).
 */
const BEHIND_WAIT_MS = 5_000;

/**
 * Orders that may wait for a slot, per slot: as many as three changes of all slots can serve. Where slots change so
 * slowly that not all of them get one in time, the others wait nevertheless while a burst is allowed: a client that was
 * told 202 at once would post again at once, and a process that has just started, and is slow, would fill the task queue
 * within a second.
 */
const WAITERS_PER_SLOT = 3;

/** A task queue on which an order has waited for this long is behind. */
const BEHIND_SECONDS = 1;

/**
 * On a machine that gives this process little CPU time all its workflow tasks take longer. If they exceeded their time,
 * what they have done would be dropped and done again, so the machine would never catch up (ADR 0039). Orders hold their
 * slots about as long as their first workflow task takes.
 */
const HOLDS_PER_TASK = 4;
const LONGEST_TASK_MS = 15_000;

/** Creates `size` slots. */
export function createEagerSlots(size: number, isBusy: BusyLoop = createBusyLoop()): EagerSlots {
  const lines = createTenantLines<() => void>();
  const burst = createBurstAllowance();
  const partners = createOutsideShare(isBusy);
  let backlogAge = (): number => 0;
  const secondsBehind = (): number | null => {
    const age = backlogAge();
    return age >= BEHIND_SECONDS ? age : null;
  };

  const holders = createSlotHolders({
    isPartnerSlow: partners.isSlow,
    secondsBehind,
    onLeft: () => {
      if (holders.size() < size) lines.next()?.();
    },
  });
  const hasPlace = (tenantId: string, places: number): boolean =>
    lines.lengthOf(tenantId) < Math.max(1, places / lines.tenantsWith(tenantId));
  const mayWait = (tenantId: string): boolean => hasPlace(tenantId, WAITERS_PER_SLOT * size);
  const isInTime = (tenantId: string): boolean => hasPlace(tenantId, (SLOT_WAIT_MS / holders.usualHoldMs()) * size);
  const waitForSlot = (workflowId: string, tenantId: string, isBurst: boolean): Promise<Admission> =>
    new Promise((resolve) => {
      const takeQueue = (): void => {
        lines.leave(tenantId, grant);
        resolve('queue');
      };
      const whenLate = (): void => {
        if (isBurst || secondsBehind() === null) takeQueue();
        else timer = setTimeout(takeQueue, BEHIND_WAIT_MS - SLOT_WAIT_MS);
      };
      let timer = setTimeout(whenLate, SLOT_WAIT_MS);
      const grant = (): void => {
        clearTimeout(timer);
        holders.add(workflowId);
        if (isBurst) burst.giveBack();
        resolve('slot');
      };
      lines.join(tenantId, grant);
    });
  // To refuse orders because a partner is slow would make its slowness an outage of ours: the queue keeps them, until it
  // is too old.
  const hasRoom = (tenantId: string): boolean =>
    holders.size() < size || (mayWait(tenantId) && isInTime(tenantId)) || partners.isSlow();

  return {
    acquire: async (workflowId, tenantId) => {
      // If the same order is posted twice at once, only one of the starts will succeed.
      if (holders.has(workflowId)) return 'queue';
      if (holders.size() < size) {
        holders.add(workflowId);
        return 'slot';
      }
      if (mayWait(tenantId) && isInTime(tenantId)) return waitForSlot(workflowId, tenantId, false);
      const isBurst = !partners.isSlow();
      if (isBurst && !burst.spend()) return 'full';
      return mayWait(tenantId) ? waitForSlot(workflowId, tenantId, isBurst) : 'queue';
    },
    isFull: (tenantId) => !hasRoom(tenantId) && burst.isSpent(),
    release: holders.remove,
    watchBacklog: (ageSeconds) => {
      backlogAge = ageSeconds;
    },
    stepEnded: partners.stepEnded,
    taskTimeoutMs: () => {
      if (!isBusy()) return WORKFLOW_TASK_TIMEOUT_MS;
      const neededMs = Math.round(HOLDS_PER_TASK * holders.usualHoldMs());
      return Math.min(LONGEST_TASK_MS, Math.max(WORKFLOW_TASK_TIMEOUT_MS, neededMs));
    },
    inUse: holders.size,
  };
}
