import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityCancellationType,
  CancellationScope,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { WEBHOOK_POLICY, WEBHOOK_SWEEP_POLICY } from './steps/background-policies.ts';
import { webhookWakeSignal, webhookWorkflowId, type WebhookWorkflowInput } from './contract.ts';
import { failureOf } from './steps/outcome.ts';

const { deliverWebhook } = proxyActivities<Activities>({
  activityId: 'deliver-webhook',
  summary: 'Deliver the next event: waits for the receiver, or for the time of the next attempt',
  taskQueue: 'notifications',
  startToCloseTimeout: WEBHOOK_POLICY.attemptTimeoutMs,
  retry: WEBHOOK_POLICY.retry,
  // The workflow waits for an attempt under way, so that there is never a second one beside it.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/**
 * Delivers one subscription's events about one order, one after the other, and ends when none is left. The database
 * holds the deliveries; the workflow only keeps their order and their retries.
 */
export async function webhookWorkflow(input: WebhookWorkflowInput): Promise<void> {
  const { isUrgent = false, named = [], ...queue } = input;
  const turn: Turn = { isWoken: true, isUrgent, named: new Set(named), waiting: new CancellationScope() };
  setHandler(webhookWakeSignal, (when, deliveryId) => {
    turn.isWoken = true;
    if (when === 'in_turn') return;
    if (deliveryId === undefined) turn.isUrgent = true;
    else turn.named.add(deliveryId);
    turn.waiting.cancel();
  });
  for (let round = 1; turn.isWoken; round++) {
    turn.isWoken = false;
    const { hasMore } = await takeTurn(turn, queue);
    if (hasMore) turn.isWoken = true;
    if (turn.isWoken && (round >= WEBHOOK_POLICY.roundsPerRun || workflowInfo().continueAsNewSuggested)) {
      await continueAsNew<typeof webhookWorkflow>({
        ...queue,
        ...(turn.isUrgent ? { isUrgent: true } : {}),
        ...(turn.named.size > 0 ? { named: [...turn.named] } : {}),
      });
    }
  }
}

/** The next things to do. */
interface Turn {
  isWoken: boolean;
  isUrgent: boolean;
  /** Deliveries that a person asked for, in the order of the requests. */
  readonly named: Set<string>;
  /** The current attempt, which may wait for days. */
  waiting: CancellationScope;
}

/** A delivery that a person named comes first. Its one attempt is not cut short: another request waits for it. */
function takeTurn(turn: Turn, queue: WebhookWorkflowInput): Promise<{ hasMore: boolean }> {
  const [deliveryId] = turn.named;
  if (deliveryId !== undefined) {
    turn.named.delete(deliveryId);
    return deliverNext({ ...queue, deliveryId }, new CancellationScope());
  }
  const { isUrgent } = turn;
  turn.isUrgent = false;
  turn.waiting = new CancellationScope();
  return deliverNext(isUrgent ? { ...queue, isUrgent } : queue, turn.waiting);
}

/** @returns whether there may be more deliveries; also after an attempt that was cut short or met a bug. */
async function deliverNext(
  input: Parameters<typeof deliverWebhook>[0],
  attempt: CancellationScope,
): Promise<{ hasMore: boolean }> {
  try {
    return await attempt.run(() => deliverWebhook(input));
  } catch (error) {
    if (isCancellation(error)) {
      if (CancellationScope.current().consideredCancelled) throw error;
      return { hasMore: true };
    }
    // The activity retries every failure that may pass, unless the attempt was cut short.
    if (failureOf(error).nonRetryable === true) {
      await sleep(WEBHOOK_POLICY.pauseMs, { summary: 'An attempt met a bug: try again later' });
    }
    return { hasMore: true };
  }
}

const { listStrandedWebhooks } = proxyActivities<Activities>({
  activityId: 'list-stranded-webhooks',
  summary: 'Find deliveries without a workflow: waits for the database of notifications',
  taskQueue: 'notifications',
  startToCloseTimeout: WEBHOOK_SWEEP_POLICY.startToCloseTimeout,
  retry: WEBHOOK_SWEEP_POLICY.retry,
});

/** Starts the workflows of deliveries that have none, because a process died between the row and the signal. */
export async function sweepWebhooksWorkflow(): Promise<{ readonly started: number }> {
  const { pendingSeconds, overdueSeconds, batch } = WEBHOOK_SWEEP_POLICY;
  const queues = await listStrandedWebhooks({ pendingSeconds, overdueSeconds, limit: batch });
  const started = await Promise.all(queues.map(startUnlessRunning));
  return { started: started.filter(Boolean).length };
}

async function startUnlessRunning(queue: WebhookWorkflowInput): Promise<boolean> {
  try {
    await startChild(webhookWorkflow, {
      args: [queue],
      workflowId: webhookWorkflowId(queue),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Webhooks about ${queue.key}`,
    });
    return true;
  } catch (error) {
    // The workflow is only slow: its attempt is under way.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
