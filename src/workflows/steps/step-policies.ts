import {
  LOCAL_PAYMENT_TRY_MS,
  PAYMENT_RETRY_DELAYS_MS,
  PAYMENT_RETRY_JITTER,
  PAYMENT_RETRY_POLICY,
} from '../../domain/payments/payment.ts';
import type { CaseAction } from '../../domain/case.ts';
import type { FailureCode } from '../../domain/errors.ts';
import type { TaskQueue } from '../contract.ts';
import type { Collaborator, StepLimits } from '../../domain/order-settings.ts';
import { worstCaseMs, type RetrySchedule } from './retry-schedule.ts';

/** How one step is tried, retried and parked. All times are in milliseconds. */
export interface StepPolicy extends RetrySchedule {
  /** The activity id in the Web UI, and the step's name in a case. */
  readonly id: string;
  readonly summary: string;
  /** What a regular attempt waits for: a collaborator's answer, in words for the Web UI. */
  readonly waitsFor: 'the database' | 'the payment provider';
  readonly queue: TaskQueue;
  /** Null when the step always runs with its order, whatever `STEP_PLACEMENT` says. */
  readonly collaborator: Collaborator | null;
  /** Limit of the first, local try. */
  readonly localTimeoutMs: number;
  /** Attempts until the budget is spent, if attempts are counted; else null. */
  readonly maxAttempts: number | null;
  /**
   * What follows when the budget is spent. `park` waits for a person; `persist` also opens a case, and goes on trying
   * slowly by itself.
   */
  readonly whenSpent: 'park' | 'persist';
  /** The actions that an operator may choose for its case; only `retry` by default. */
  readonly actions?: readonly CaseAction[];
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/**
 * Statements take milliseconds, and the client ends them after 3-4 s (db/client.ts). A first try that takes over 2 s is
 * not worth waiting for inside the workflow task. Retries follow after 0.2, 0.4 ... 10 s, so a database that returns is
 * used again within 10 s; after 10 minutes a person must know.
 */
const DATABASE = {
  waitsFor: 'the database',
  localTimeoutMs: 2 * SECOND,
  attemptTimeoutMs: 5 * SECOND,
  firstDelayMs: 200,
  backoff: 2,
  maxDelayMs: 10 * SECOND,
  maxAttempts: null,
  budgetMs: 10 * MINUTE,
} as const;

const PAYMENT_RETRIES = {
  attemptTimeoutMs: 5 * SECOND,
  firstDelayMs: PAYMENT_RETRY_POLICY.initialInterval,
  backoff: PAYMENT_RETRY_POLICY.backoffCoefficient,
  maxDelayMs: PAYMENT_RETRY_POLICY.maximumInterval,
  namedDelays: { delaysMs: PAYMENT_RETRY_DELAYS_MS, jitter: PAYMENT_RETRY_JITTER },
} as const;

/**
 * The HTTP call's own limit bounds the local try; the activity's limit leaves time to store the result. Regular
 * attempts follow PAYMENT_RETRY_DELAYS_MS: the activity names each delay by the time that has passed, unless a person
 * has given it another retry policy (PAYMENT_RETRY_POLICY). The budget is a time and not a
 * number of attempts, because a call that an open circuit breaker kept back has not tried anything. It is the longest
 * time that the schedule can take (831.6 s of waits and 6 attempts of 5 s), so that no wait is ever dropped.
 */
const PAYMENT = {
  ...PAYMENT_RETRIES,
  waitsFor: 'the payment provider',
  localTimeoutMs: LOCAL_PAYMENT_TRY_MS + 1 * SECOND,
  maxAttempts: null,
  budgetMs: worstCaseMs(PAYMENT_RETRIES),
} as const;

/** Every step of an order, written as data so that tests and the validator can walk through them. */
export const STEP_POLICIES = {
  openOrder: {
    ...DATABASE,
    id: 'open-order',
    summary: 'Store the order',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  holdStock: {
    ...DATABASE,
    id: 'hold-stock',
    summary: 'Hold all lines, freeze prices',
    queue: 'inventory',
    collaborator: 'inventory',
    whenSpent: 'park',
    actions: ['retry', 'abort'],
  },
  takePayment: {
    ...PAYMENT,
    id: 'take-payment',
    summary: 'Take the payment',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'park',
    actions: ['retry', 'retryWith', 'abort'],
  },
  commitStock: {
    ...DATABASE,
    id: 'commit-stock',
    summary: 'Deduct the held stock',
    queue: 'inventory',
    collaborator: 'inventory',
    whenSpent: 'persist',
    actions: ['retry', 'abort'],
  },
  retakeStock: {
    ...DATABASE,
    id: 'retake-stock',
    summary: 'Hold expired lines again',
    queue: 'inventory',
    collaborator: 'inventory',
    whenSpent: 'persist',
    actions: ['retry', 'abort'],
  },
  confirmOrder: {
    ...DATABASE,
    id: 'confirm-order',
    summary: 'Confirm the order',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  recordRefusal: {
    ...DATABASE,
    id: 'record-refusal',
    summary: 'Store the decision to reject',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  undoPayment: {
    ...PAYMENT,
    id: 'undo-payment',
    summary: 'Void or refund by key',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
    actions: ['retry', 'forceResolve'],
  },
  releaseStock: {
    ...DATABASE,
    id: 'release-stock',
    summary: 'Release the held stock',
    queue: 'inventory',
    collaborator: 'inventory',
    whenSpent: 'persist',
  },
  rejectOrder: {
    ...DATABASE,
    id: 'reject-order',
    summary: 'Reject the order',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  extendHold: {
    ...DATABASE,
    id: 'extend-hold',
    summary: 'Hold the stock longer',
    queue: 'inventory',
    collaborator: 'inventory',
    whenSpent: 'persist',
  },
  awaitCapture: {
    ...DATABASE,
    id: 'await-capture',
    summary: 'Store that the capture is awaited',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  decideCommand: {
    ...DATABASE,
    id: 'decide-command',
    summary: 'Decide a command',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  recordExpiry: {
    ...DATABASE,
    id: 'record-expiry',
    summary: 'Store that the authorization expires',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  endCommand: {
    ...DATABASE,
    id: 'end-command',
    summary: 'Give the order back',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  readOrder: {
    ...DATABASE,
    id: 'read-order',
    summary: 'Read the order',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  readMoney: {
    ...DATABASE,
    id: 'read-money',
    summary: 'Read what is taken',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
  },
  abandonCharge: {
    ...PAYMENT,
    id: 'abandon-charge',
    summary: 'Prove that a charge cannot happen',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
    actions: ['retry'],
  },
  capturePayment: {
    ...PAYMENT,
    id: 'capture-payment',
    summary: 'Take the authorized money',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'park',
    actions: ['retry', 'abort'],
  },
  abandonCapture: {
    ...PAYMENT,
    id: 'abandon-capture',
    summary: 'Prove that a capture cannot happen',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
  },
  releaseAuthorization: {
    ...PAYMENT,
    id: 'release-authorization',
    summary: 'Release what was never captured',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
    actions: ['retry', 'skip'],
  },
  refundPayment: {
    ...PAYMENT,
    id: 'refund-payment',
    summary: 'Pay back',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
    actions: ['retry', 'forceResolve'],
  },
  findExternal: {
    ...PAYMENT,
    id: 'find-external',
    summary: 'Compare the books with the provider',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
  },
  adoptExternal: {
    ...PAYMENT,
    id: 'adopt-external',
    summary: 'Book what was moved at the provider itself',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
  },
  recordEvidence: {
    ...DATABASE,
    id: 'record-evidence',
    summary: 'Store the evidence of a payment outside',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
  },
  closeCommand: {
    ...DATABASE,
    id: 'close-command',
    summary: 'Store how the command ended',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'persist',
  },
  judgeNotice: {
    ...DATABASE,
    id: 'judge-notice',
    summary: 'Compare a notice with the books',
    queue: 'orders',
    collaborator: null,
    whenSpent: 'park',
    actions: ['retry', 'skip'],
  },
  returnCharge: {
    ...PAYMENT,
    id: 'return-charge',
    summary: 'Look late money up and give it back',
    queue: 'payments',
    collaborator: 'payment',
    whenSpent: 'persist',
    actions: ['retry', 'forceResolve'],
  },
} as const satisfies Record<string, StepPolicy>;

/** Names of the steps, which are the names of their activities. */
export type StepName = keyof typeof STEP_POLICIES;

/**
 * Pauses of a step that persists past its budget, whose case has already told a person. A pause is a tenth of the time
 * that the step has waited, between 1 min and 12 h, so that the step notices the end of an outage within a tenth of the
 * outage's length. A round writes some 20 events into the history, which Temporal limits to 51,200: a year has 800
 * rounds.
 */
const PERSIST_PAUSE = { share: 0.1, shortestMs: 1 * MINUTE, longestMs: 12 * 60 * MINUTE } as const;

/** The next pause of a persisting step that was parked `waitedMs` ago. */
export function persistPauseMs(waitedMs: number): number {
  const { share, shortestMs, longestMs } = PERSIST_PAUSE;
  return Math.min(Math.max(Math.round(waitedMs * share), shortestMs), longestMs);
}

/** The actions that an operator may choose when a step names no others. */
const USUAL_ACTIONS: readonly CaseAction[] = ['retry'];

/**
 * The actions that an operator may choose for a step's case. A provider that answered with another amount would answer
 * the same again, so `retry` is offered only if there is nothing else.
 */
export function actionsOf({ actions = USUAL_ACTIONS }: StepPolicy, errorCode: string): readonly CaseAction[] {
  if (errorCode !== ('payment_mismatch' satisfies FailureCode)) return actions;
  const ending = actions.filter((action) => action !== 'retry' && action !== 'retryWith');
  return ending.length === 0 ? actions : ending;
}

/**
 * While an order waits for a person with its payment unknown, its hold is extended whenever half of it has passed, for
 * 24 hours at most: paid stock must not be sold to someone else, and no stock may stay blocked for weeks.
 */
export const HOLD_EXTENSION = { partOfTtl: 0.5, limitMs: 24 * 60 * MINUTE } as const;

/** The steps that write cases never give up: tries are 1 s to 30 s apart, without a limit on their number. */
export const CASE_BOOKKEEPING = {
  startToCloseTimeout: 5 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 30 * SECOND },
} as const;

/** Steps that wait for the payment provider, by their names in the Web UI. */
export function waitingPaymentSteps(): string[] {
  return Object.values<StepPolicy>(STEP_POLICIES)
    .filter(({ queue, budgetMs }) => queue === 'payments' && budgetMs === PAYMENT.budgetMs)
    .map(({ id }) => id);
}

/** The policy of a step under the limits in its order's input. */
export function policyOf(name: StepName, limits: StepLimits = {}): StepPolicy {
  const policy = STEP_POLICIES[name];
  return { ...policy, ...limits[policy.id] };
}

/** The policies of all steps under the limits. */
export function stepPolicies(limits: StepLimits): Readonly<Record<StepName, StepPolicy>> {
  const names = Object.keys(STEP_POLICIES) as StepName[];
  return Object.fromEntries(names.map((name) => [name, policyOf(name, limits)])) as Record<StepName, StepPolicy>;
}

/** Longest time from the first money call to the moment when a person is asked, in milliseconds. */
export function paymentBudgetMs(limits: StepLimits = {}): number {
  const { localTimeoutMs, budgetMs } = policyOf('takePayment', limits);
  return localTimeoutMs + (budgetMs ?? PAYMENT.budgetMs);
}

/**
 * A soft decline (insufficient funds, issuer unavailable) may pass within seconds. The customer waits meanwhile, so
 * there are only two more tries, 1 s apart.
 */
export const SOFT_DECLINE_POLICY = { retries: 2, delayMs: 1 * SECOND } as const;
