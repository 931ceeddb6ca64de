import { activityInfo, log } from '@temporalio/activity';
import type { WaitingStep, WaitingStepRepository } from '../../db/repositories/orders/waiting-step-repository.ts';
import { OrderSagaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../gateways/payment-gateway.ts';
import { RETRY_CLASSES } from './failure.ts';

/** The steps that wait for the provider, as the activities of one process record them. */
export interface WaitingSteps {
  /** Records that an attempt had no answer. Steps with the same `route` wait for the same thing. */
  note(waiting: WaitingStep & { readonly route: string }): Promise<void>;
  /** Removes the step from the list. If it was on the list, its route has answered. */
  settle(step: WaitingStep): Promise<void>;
  /**
   * Reports that the provider has answered on a route: its waiting steps are woken soon. The caller does not wait for
   * that.
   */
  answered(route: string): void;
  /** Whether any step waits. While none is known to wait, a successful step costs no statement. */
  someWait(): boolean;
  /** Looks again, for steps of other processes as well. */
  look(): Promise<boolean>;
}

/** Many answers within this time count as one. */
const ANSWERS_APART_MS = 1_000;

export function createWaitingSteps(repository: WaitingStepRepository): WaitingSteps {
  let some = false;
  const answeredAt = new Map<string, number>();
  const answered = (route: string): void => {
    const now = performance.now();
    if (!some || now - (answeredAt.get(route) ?? -Infinity) < ANSWERS_APART_MS) return;
    answeredAt.set(route, now);
    void keep(() => repository.answered(route));
  };
  return {
    answered,
    note: async (step) => {
      some = true;
      await repository.note(step);
    },
    settle: async (step) => {
      const route = await repository.remove(step);
      if (route !== null) answered(route);
    },
    someWait: () => some,
    look: async () => {
      some = await repository.any();
      if (!some) answeredAt.clear();
      return some;
    },
  };
}

type AnyActivity = (input: never) => Promise<unknown>;

/**
 * Activities that keep the list of steps that wait for the provider: an attempt without an answer adds its step, and
 * any other outcome removes it. A local try adds nothing, because a regular attempt follows at once.
 */
export function listingWaits<Table extends Record<string, AnyActivity>>(
  activities: Table,
  { steps: waiting, gateway }: { readonly steps: WaitingSteps; readonly gateway: Pick<PaymentGateway, 'routeOf'> },
): Table {
  const routeOf = (name: string, { method }: { readonly method?: unknown }): string =>
    typeof method === 'string' ? `${name}/${gateway.routeOf(method)}` : name;
  const wrap = (name: string, run: AnyActivity) => async (input: never) => {
    const { isLocal, workflowExecution, activityId, attempt } = activityInfo();
    const route = routeOf(name, input);
    if (isLocal || workflowExecution === undefined) {
      const result = await run(input);
      waiting.answered(route);
      return result;
    }
    const step: WaitingStep = { workflowId: workflowExecution.workflowId, step: activityId };
    const mayBeListed = attempt > 1 || waiting.someWait();
    try {
      const result = await run(input);
      if (mayBeListed) await keep(() => waiting.settle(step));
      return result;
    } catch (error) {
      if (hadNoAnswer(error)) await keep(() => waiting.note({ ...step, route }));
      else if (mayBeListed && wasAnswered(error)) await keep(() => waiting.settle(step));
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, wrap(name, run)])) as Table;
}

/** The list only saves time: a failure to write it must not hide the step's own result. */
async function keep(write: () => Promise<void>): Promise<void> {
  await write().catch((error: unknown) => log.warn('the list of waiting steps could not be written', { error }));
}

function hadNoAnswer(error: unknown): boolean {
  return error instanceof OrderSagaError && RETRY_CLASSES[error.code] === 'unknown_outcome';
}

/** A person is asked next, and the provider's return does not change that. */
function wasAnswered(error: unknown): boolean {
  return error instanceof OrderSagaError && RETRY_CLASSES[error.code] === 'permanent';
}
