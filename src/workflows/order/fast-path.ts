import { proxyLocalActivities, workflowInfo } from '@temporalio/workflow';
import type {
  FastPathActivities,
  FastPathPlan,
  FastPathResult,
  FastPathStep,
  Tried,
} from '../../activities/fast-path.ts';
import { STEP_POLICIES } from '../steps/step-policies.ts';
import { NOTIFICATION_POLICY } from '../steps/background-policies.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import { failureOf, thrownAs, type FastPath } from '../steps/outcome.ts';
import type { OrderMessages } from './notify-customer.ts';
import type { StepInputs } from './step-inputs.ts';

const LIMITS_MS: Readonly<Record<FastPathStep, number>> = {
  openOrder: STEP_POLICIES.openOrder.localTimeoutMs,
  holdStock: STEP_POLICIES.holdStock.localTimeoutMs,
  takePayment: STEP_POLICIES.takePayment.localTimeoutMs,
  commitStock: STEP_POLICIES.commitStock.localTimeoutMs,
  confirmOrder: STEP_POLICIES.confirmOrder.localTimeoutMs,
  sendMessage: NOTIFICATION_POLICY.localTimeoutMs,
};

/** Every step ends by its own limit, so only a worker that is stuck exceeds this one. */
const LIMIT_MS = Object.values(LIMITS_MS).reduce((sum, limitMs) => sum + limitMs, 1_000);

/** The events before the first step: workflow started, task scheduled, task started. */
const EVENTS_OF_A_FRESH_START = 3;

/**
 * The fast path of an order: one local activity for all steps. Each local activity costs the workflow's thread an
 * activation and the history a marker; and if a task is dropped, the server forgets six local activities as easily as
 * one.
 *
 * Only the very first workflow task takes the fast path. A run after a crash, a signal or a reset goes step by step, so
 * that it sees an earlier cancel before it sends anything. The activity is called in such a run too, and answers at once:
 * the length of the history is not the same in a replay when the first task had to be extended, so what the workflow does
 * must not depend on it.
 */
export function createFastPath(settings: OrderSettings, inputs: StepInputs, { confirmation }: OrderMessages): FastPath {
  let outcomes = new Map<string, Tried<unknown>>();
  return {
    run: async () => {
      if (!hasFastPath(settings)) return false;
      const { tryFastPath } = proxyLocalActivities<FastPathActivities>({
        startToCloseTimeout: LIMIT_MS,
        retry: { maximumAttempts: 1 },
        summary: 'Fast path: store, hold, pay, deduct, confirm, tell',
      });
      try {
        const result: FastPathResult = await tryFastPath(planOf(settings, inputs, confirmation));
        outcomes = new Map(Object.entries(result));
        const { holdStock, takePayment } = result;
        const isFree = holdStock?.answer?.kind === 'held' && holdStock.answer.totalMinor === 0;
        return takePayment !== undefined && !isFree;
      } catch (error) {
        // The steps find everything that has happened, each by its own key.
        failureOf(error);
        return true;
      }
    },
    has: (step) => outcomes.has(step),
    take: (step) => {
      const tried = outcomes.get(step);
      if (tried === undefined) return null;
      outcomes.delete(step);
      const { answer, failure, startedAtMs, durationMs } = tried;
      const timed = startedAtMs === undefined || durationMs === undefined ? {} : { startedAtMs, durationMs };
      return failure === undefined ? { answer, timed } : { failure: thrownAs(failure), timed };
    },
  };
}

function hasFastPath({ usesFastPath, placement }: OrderSettings): boolean {
  return usesFastPath === true && placement.inventory === 'local';
}

function planOf(
  { placement }: OrderSettings,
  { openOrder, holdStock, takePayment }: StepInputs,
  confirmation: OrderMessages['confirmation'],
): FastPathPlan {
  return {
    isFirstTask: workflowInfo().historyLength <= EVENTS_OF_A_FRESH_START,
    opening: openOrder,
    hold: holdStock,
    payment: placement.payment === 'local' ? takePayment : null,
    message: placement.notification === 'local' ? confirmation : null,
    limitsMs: LIMITS_MS,
  };
}
