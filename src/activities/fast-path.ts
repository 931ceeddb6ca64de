import type { NotificationWorkflowInput } from '../domain/notification.ts';
import { toFailure } from './failure.ts';
import type { Activities } from './index.ts';
import type { HoldStockInput } from './inventory-activities.ts';
import type { OpenOrderInput, OpenOrderResult } from './order-activities.ts';
import type { TakePaymentInput } from './payments/payment-activities.ts';

/** The steps of an order for which everything goes well. */
export type FirstPassStep = 'openOrder' | 'holdStock' | 'takePayment' | 'commitStock' | 'confirmOrder' | 'sendMessage';

type WithoutTotal<Input> = Omit<Input, 'amountMinor' | 'totalMinor'>;

/** What the steps are tried with; the total is the hold's answer. */
export interface FirstPassPlan {
  readonly opening: OpenOrderInput;
  readonly hold: HoldStockInput;
  /** Null: the payment runs elsewhere, and the pass ends before it. */
  readonly payment: WithoutTotal<TakePaymentInput> | null;
  /** Null: there is nobody to tell, or not here. */
  readonly message: Message | null;
  /** Limit of each step's try, in milliseconds. */
  readonly limitsMs: Readonly<Record<FirstPassStep, number>>;
}

interface Message extends Omit<NotificationWorkflowInput, 'content'> {
  readonly content: WithoutTotal<NotificationWorkflowInput['content']>;
}

/** What a step came to: its answer (nothing, for a step that has none), or why it failed. */
export interface Tried<Answer> {
  readonly answer?: Answer;
  readonly failure?: StepFailure;
}

/** A step's failure as data, with what decides how it goes on. */
export interface StepFailure {
  readonly type: string;
  readonly message: string;
  readonly nonRetryable: boolean;
  /** See `FailureDetail`; absent where the step did not fail by itself. */
  readonly details?: readonly unknown[] | null | undefined;
}

/** The steps that were tried, in their order: each leads on from the one before. */
export type FirstPassResult = {
  readonly [Step in FirstPassStep]?: Tried<Awaited<ReturnType<Activities[Step]>>>;
};

/** The activity that a worker registers beside the steps; workflows import this type only. */
export type FirstPassActivities = ReturnType<typeof createFirstPass>;

export function createFirstPass(steps: Pick<Activities, FirstPassStep>) {
  return {
    /**
     * Effect: those of its steps, tried once each, for as long as each answer leads on to the next one. Key: the steps'
     * own. Outcomes: what each step that was tried came to. Failures: none of its own; a step's is an outcome. Undo: the
     * steps' own, registered by the workflow that hears the outcomes.
     */
    async tryFirstPass({ opening, hold, payment, message, limitsMs }: FirstPassPlan): Promise<FirstPassResult> {
      const openOrder = await tried(limitsMs.openOrder, () => steps.openOrder(opening));
      if (!isFresh(openOrder.answer)) return { openOrder };

      const holdStock = await tried(limitsMs.holdStock, () => steps.holdStock(hold));
      if (holdStock.answer?.kind !== 'held' || payment === null) return { openOrder, holdStock };
      const { totalMinor } = holdStock.answer;

      const takePayment = await tried(limitsMs.takePayment, () =>
        steps.takePayment({ ...payment, amountMinor: totalMinor }),
      );
      if (takePayment.answer?.kind !== 'captured') return { openOrder, holdStock, takePayment };

      const { orderId, tenantId } = hold;
      const commitStock = await tried(limitsMs.commitStock, () => steps.commitStock({ orderId, tenantId }));
      if (commitStock.answer?.kind !== 'committed') return { openOrder, holdStock, takePayment, commitStock };

      const confirming = tried(limitsMs.confirmOrder, () => steps.confirmOrder({ orderId, tenantId, totalMinor }));
      const telling =
        message === null
          ? null
          : tried(limitsMs.sendMessage, () =>
              steps.sendMessage({ ...message, content: { ...message.content, totalMinor } }),
            );
      const [confirmOrder, sendMessage] = await Promise.all([confirming, telling]);
      const done = { openOrder, holdStock, takePayment, commitStock, confirmOrder };
      return sendMessage === null ? done : { ...done, sendMessage };
    },
  };
}

/** An order that was here before goes on from where it is, step by step. */
function isFresh(opened: OpenOrderResult | undefined): boolean {
  return opened?.kind === 'open' && opened.status === 'PENDING' && opened.refusal === null;
}

/** A step that is late goes on, as a local activity past its limit does; nobody waits for it any more. */
async function tried<Answer>(limitMs: number, run: () => Promise<Answer>): Promise<Tried<Answer>> {
  const late = Promise.withResolvers<Tried<Answer>>();
  const failure: StepFailure = { type: 'timeout', message: `no answer within ${limitMs} ms`, nonRetryable: false };
  const timer = setTimeout(() => late.resolve({ failure }), limitMs);
  try {
    return await Promise.race([run().then((answer) => ({ answer })), late.promise]);
  } catch (error) {
    const { type, message, nonRetryable, details } = toFailure(error);
    return { failure: { type: type ?? 'unclassified', message, nonRetryable: nonRetryable === true, details } };
  } finally {
    clearTimeout(timer);
  }
}
