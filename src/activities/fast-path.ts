import type { NotificationWorkflowInput } from '../domain/notification.ts';
import { inSpan } from '../runtime/tracing/spans.ts';
import { toFailure } from './failure.ts';
import type { Activities } from './index.ts';
import type { HoldStockInput } from './inventory-activities.ts';
import type { OpenOrderInput, OpenOrderResult } from './order-activities.ts';
import type { TakePaymentInput } from './payments/payment-activities.ts';

/** The steps of an order for which nothing goes wrong. */
export type FastPathStep = 'openOrder' | 'holdStock' | 'takePayment' | 'commitStock' | 'confirmOrder' | 'sendMessage';

type WithoutTotal<Input> = Omit<Input, 'amountMinor' | 'totalMinor'>;

/** Inputs of the steps. The total is left out: it comes from the result of `holdStock`. */
export interface FastPathPlan {
  /** False in a run after a crash, a signal or a reset, which goes step by step. */
  readonly isFirstTask: boolean;
  readonly opening: OpenOrderInput;
  readonly hold: HoldStockInput;
  /** Null when the payment runs on a queue of its own; the pass then ends before it. */
  readonly payment: WithoutTotal<TakePaymentInput> | null;
  /** Null when there is nobody to tell, or the message is sent on a queue of its own. */
  readonly message: Message | null;
  /** Limit of each step's try, in milliseconds. */
  readonly limitsMs: Readonly<Record<FastPathStep, number>>;
}

interface Message extends Omit<NotificationWorkflowInput, 'content'> {
  readonly content: WithoutTotal<NotificationWorkflowInput['content']>;
}

/** The result of a step: its answer (nothing for a step without one), or why it failed. */
export interface Tried<Answer> {
  readonly answer?: Answer;
  readonly failure?: StepFailure;
  /** When the try began, in milliseconds since 1970; absent in histories of earlier versions. */
  readonly startedAtMs?: number;
  readonly durationMs?: number;
}

/** A step's failure as data, with the facts that decide how the order continues. */
export interface StepFailure {
  readonly type: string;
  readonly message: string;
  readonly nonRetryable: boolean;
  /** See `FailureDetail`; absent when the step did not throw the failure itself. */
  readonly details?: readonly unknown[] | null | undefined;
}

/** The steps that were tried, in order; each follows the success of the one before. */
export type FastPathResult = {
  readonly [Step in FastPathStep]?: Tried<Awaited<ReturnType<Activities[Step]>>>;
};

/** One try of a step that has ended, in whichever way the step ran. */
export interface EndedStep {
  readonly step: string;
  readonly seconds: number;
  /** The code of the failure, or `timeout`; null when the step answered. */
  readonly failure: string | null;
}

/** Called after each try of a step. */
export type StepListener = (ended: EndedStep) => void;

/** The activity that a worker registers beside the steps. Workflows import only this type. */
export type FastPathActivities = ReturnType<typeof createFastPathActivities>;

export function createFastPathActivities(steps: Pick<Activities, FastPathStep>, onStep: StepListener) {
  return {
    /**
     * Effect: the fast path of an order: tries its steps once each, as long as each answer leads to the next step.
     * Key: the steps' own keys.
     * Outcomes: the result of each step that was tried; none in a run that goes step by step.
     * Failures: none; the failure of a step is an outcome.
     * Undo: the undo steps of its steps, which the workflow registers from the outcomes.
     */
    async tryFastPath(plan: FastPathPlan): Promise<FastPathResult> {
      return plan.isFirstTask ? tryEachStep(steps, plan, onStep) : {};
    },
  };
}

async function tryEachStep(
  steps: Pick<Activities, FastPathStep>,
  { opening, hold, payment, message, limitsMs }: FastPathPlan,
  onStep: StepListener,
): Promise<FastPathResult> {
  const tried = <Answer>(step: FastPathStep, run: () => Promise<Answer>): Promise<Tried<Answer>> =>
    tryOnce({ step, limitMs: limitsMs[step], onStep }, run);
  const openOrder = await tried('openOrder', () => steps.openOrder(opening));
  if (!isFresh(openOrder.answer)) return { openOrder };

  const holdStock = await tried('holdStock', () => steps.holdStock(hold));
  if (holdStock.answer?.kind !== 'held' || payment === null) return { openOrder, holdStock };
  const { totalMinor } = holdStock.answer;

  const takePayment = await tried('takePayment', () => steps.takePayment({ ...payment, amountMinor: totalMinor }));
  if (takePayment.answer?.kind !== 'captured') return { openOrder, holdStock, takePayment };

  const { orderId, tenantId } = hold;
  const commitStock = await tried('commitStock', () => steps.commitStock({ orderId, tenantId }));
  if (commitStock.answer?.kind !== 'committed') return { openOrder, holdStock, takePayment, commitStock };

  const confirming = tried('confirmOrder', () => steps.confirmOrder({ orderId, tenantId, totalMinor }));
  const telling =
    message === null
      ? null
      : tried('sendMessage', () => steps.sendMessage({ ...message, content: { ...message.content, totalMinor } }));
  const [confirmOrder, sendMessage] = await Promise.all([confirming, telling]);
  const done = { openOrder, holdStock, takePayment, commitStock, confirmOrder };
  return sendMessage === null ? done : { ...done, sendMessage };
}

/** An order that existed before continues step by step from its present status. */
function isFresh(opened: OpenOrderResult | undefined): boolean {
  return opened?.kind === 'open' && opened.status === 'PENDING' && opened.refusal === null;
}

/** One try of a step. */
interface Try {
  readonly step: FastPathStep;
  readonly limitMs: number;
  readonly onStep: StepListener;
}

/** Stops waiting for a step after its limit. The step itself goes on, like a local activity after its time limit. */
async function tryOnce<Answer>({ step, limitMs, onStep }: Try, run: () => Promise<Answer>): Promise<Tried<Answer>> {
  const startedAtMs = Date.now();
  const startedMs = performance.now();
  const late = Promise.withResolvers<Tried<Answer>>();
  const failure: StepFailure = { type: 'timeout', message: `no answer within ${limitMs} ms`, nonRetryable: false };
  let timer: NodeJS.Timeout | undefined;
  const running = inSpan({ name: step }, (span) => {
    timer = setTimeout(() => {
      // The span ends with the step, later than the span around it.
      span.setAttribute('late', true);
      late.resolve({ failure });
    }, limitMs);
    return run();
  });
  let result: Tried<Answer>;
  try {
    result = await Promise.race([running.then((answer) => ({ answer })), late.promise]);
  } catch (error) {
    const { type, message, nonRetryable, details } = toFailure(error);
    result = { failure: { type: type ?? 'unclassified', message, nonRetryable: nonRetryable === true, details } };
  } finally {
    clearTimeout(timer);
  }
  const durationMs = performance.now() - startedMs;
  onStep({ step, seconds: durationMs / 1_000, failure: result.failure?.type ?? null });
  return { ...result, startedAtMs, durationMs: Math.round(durationMs) };
}
