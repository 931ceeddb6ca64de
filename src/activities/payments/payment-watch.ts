import { setTimeout as sleep } from 'node:timers/promises';
import type { WaitingStep, WaitingStepRepository } from '../../../db/repositories/orders/waiting-step-repository.ts';
import type { PaymentRetrigger } from './notice-activities.ts';
import type { WaitingSteps } from '../waiting-steps.ts';
import { within } from '../../runtime/deadline.ts';
import type { PaymentGateway } from '../../gateways/payment-gateway.ts';
import type { Logger } from '../../runtime/logger.ts';

export interface PaymentWatchDeps {
  readonly steps: WaitingSteps;
  readonly repository: WaitingStepRepository;
  readonly gateway: PaymentGateway;
  readonly retrigger: PaymentRetrigger;
  readonly logger: Logger;
}

/** Watches whether the provider answers again. */
export interface PaymentWatch {
  /** Looks once, and never rejects. */
  look(): Promise<void>;
  /** Ends the look that is under way. */
  stop(): void;
}

/** How often a worker looks for waiting steps; if there are any, it asks the provider whether it answers. */
export const PAYMENT_WATCH_INTERVAL_MS = 5_000;

const PING_TIMEOUT_MS = 1_500;

/** A call to Temporal takes milliseconds. A hanging call must not keep the other steps asleep. */
const WAKE_TIMEOUT_MS = 4_000;

/**
 * Steps that one look wakes. They are woken 250 ms apart, or closer when there are many: at most 5 s until the look and
 * 20 s until the last step stay under 30 s. Steps beyond 2,000 wait for the next look, so that a worker sends its
 * provider at most 100 steps a second.
 */
const STEPS_PER_LOOK = 2_000;
const APART_MS = 250;
const SPREAD_MS = 20_000;

/**
 * Wakes the steps that wait for the payment provider once the provider answers again. If all steps wait for minutes,
 * none of them would notice its return, so the watch asks the provider while any step waits.
 */
export function createPaymentWatch(deps: PaymentWatchDeps): PaymentWatch {
  const { steps, repository, gateway, logger } = deps;
  let stopped = false;
  const look = async (): Promise<void> => {
    if (!(await steps.look())) return;
    if (!(await answers(gateway))) return repository.makeDue();
    const due = await repository.claimDue(STEPS_PER_LOOK);
    const waking: Promise<void>[] = [];
    for (const step of due) {
      if (stopped) break;
      // The next step is woken without waiting for this call, because a busy Temporal may take long.
      waking.push(wake(deps, step));
      await sleep(Math.min(APART_MS, SPREAD_MS / due.length), undefined, { ref: false });
    }
    await Promise.all(waking);
    if (due.length > 0) logger.info(`woke ${due.length} steps that waited for the payment provider`);
  };
  return {
    look: () =>
      look().catch((error: unknown) =>
        logger.warn({ err: error }, 'the steps that wait for the payment provider were not seen to'),
      ),
    stop: () => {
      stopped = true;
    },
  };
}

function answers(gateway: PaymentGateway): Promise<boolean> {
  return within(PING_TIMEOUT_MS, gateway.ping(AbortSignal.timeout(PING_TIMEOUT_MS))).then(
    () => true,
    () => false,
  );
}

async function wake({ retrigger, repository, logger }: PaymentWatchDeps, step: WaitingStep): Promise<void> {
  try {
    const found = await within(WAKE_TIMEOUT_MS, retrigger.wake(step.workflowId, [step.step]));
    if (found === 'gone') await repository.remove(step);
  } catch (error) {
    const { workflowId, step: activityId } = step;
    logger.warn(
      { err: error, workflowId, activityId },
      'a step that waits for the payment provider could not be woken',
    );
  }
}
