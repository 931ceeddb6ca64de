import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  PaymentHistoryRepository,
  EndedAttempt,
} from '../../db/repositories/payments/payment-history-repository.ts';
import {
  AuthorizationGoneError,
  OrderSagaError,
  PaymentContractError,
  PaymentMismatchError,
  PaymentOutcomeUnknownError,
} from '../domain/errors.ts';
import { randomId } from '../domain/ids.ts';
import type { PaymentAttempt, PaymentAttemptOutcome, PaymentCall } from '../domain/payments/payment-attempt.ts';
import type { PaymentKind } from '../domain/payments/payment.ts';
import type { LookupOutcome, PaymentGateway, VoidOutcome } from '../gateways/payment-gateway.ts';
import type { PaymentActivityDeps } from './payments/payment-activities.ts';

export interface AttemptRecorderDeps extends PaymentActivityDeps {
  readonly paymentHistory: PaymentHistoryRepository;
  /** Called when calls could not be stored. */
  readonly onLost: (lost: { readonly step: string; readonly calls: number; readonly error: unknown }) => void;
}

/** The given parts of the payment steps, except that every call to the provider is recorded. */
export interface AttemptRecorder extends PaymentActivityDeps {
  /**
   * Activities whose calls to the provider are recorded. When an activity ends, the calls that no operation has stored
   * are stored.
   */
  during<Activities extends Record<string, AnyActivity>>(activities: Activities): Activities;
}

type AnyActivity = (input: never) => Promise<unknown>;

/** One run of an activity, and its calls that are not stored yet. */
interface Run {
  readonly step: string;
  readonly tenantId: string;
  readonly ended: { readonly attempt: PaymentAttempt; readonly atMs: number }[];
}

type Ending = Pick<PaymentAttempt, 'outcome' | 'code' | 'providerRef'>;

interface Asked {
  readonly key: string;
  readonly orderId: string;
  readonly currency: string;
  readonly amountMinor?: number;
  readonly method?: string;
}

/**
 * Longest time that a failing activity waits until its calls are stored; after it the activity reports its own failure.
 */
const STORE_TIMEOUT_MS = 500;

/**
 * Records the calls that payment steps make to the provider. The statement that stores an operation also stores the
 * calls that led to it, so an order without failures costs no further statement. The calls of a failed step are stored
 * when the step ends. A call that cannot be stored is lost, and never hides the step's own result.
 */
export function createAttemptRecorder(deps: AttemptRecorderDeps): AttemptRecorder {
  const { payments, gateway } = deps;
  const runs = new AsyncLocalStorage<Run>();
  return {
    gateway: watchCalls(gateway, runs),
    payments: {
      ...payments,
      record: async (operation, turn) => {
        const ended = runs.getStore()?.ended ?? [];
        const taken = [...ended];
        const stored = await payments.record(operation, turn, taken.map(withAge));
        ended.splice(0, taken.length);
        return stored;
      },
    },
    during: (activities) => {
      const watched = Object.entries(activities).map(([step, act]) => [
        step,
        async (input: never) => {
          const run: Run = { step, tenantId: (input as { tenantId: string }).tenantId, ended: [] };
          try {
            return await runs.run(run, () => act(input));
          } finally {
            await storeRest(deps, run);
          }
        },
      ]);
      return Object.fromEntries(watched);
    },
  };
}

async function storeRest({ paymentHistory, onLost }: AttemptRecorderDeps, { step, ended }: Run): Promise<void> {
  if (ended.length === 0) return;
  const storing = paymentHistory
    .addAttempts(ended.map(withAge))
    .catch((error: unknown) => onLost({ step, calls: ended.length, error }));
  await Promise.race([storing, sleep(STORE_TIMEOUT_MS, undefined, { ref: false })]);
}

function withAge({ attempt, atMs }: Run['ended'][number]): EndedAttempt {
  return { ...attempt, ageMs: performance.now() - atMs };
}

function watchCalls(gateway: PaymentGateway, runs: AsyncLocalStorage<Run>): PaymentGateway {
  const note = async <Answer>(
    { call, asked }: { readonly call: PaymentCall; readonly asked: Asked },
    send: () => Promise<Answer>,
    read: (answer: Answer) => Ending,
  ): Promise<Answer> => {
    const run = runs.getStore();
    if (run === undefined) return send();
    const startedMs = performance.now();
    const end = (ending: Ending): void => {
      const atMs = performance.now();
      const attempt = { ...describe(call, asked, run), ...ending, durationMs: Math.round(atMs - startedMs) };
      run.ended.push({ attempt, atMs });
    };
    try {
      const answer = await send();
      end(read(answer));
      return answer;
    } catch (error) {
      end(endingOf(error));
      throw error;
    }
  };
  return {
    ...gateway,
    charge: (request, signal) =>
      note({ call: 'charge', asked: request }, () => gateway.charge(request, signal), readAnswer),
    lookup: (request, signal) =>
      note({ call: 'lookup', asked: request }, () => gateway.lookup(request, signal), readAnswer),
    voidByKey: (request, signal) =>
      note({ call: 'void', asked: request }, () => gateway.voidByKey(request, signal), readAnswer),
    capture: (request, signal) =>
      note({ call: 'capture', asked: request }, () => gateway.capture(request, signal), readMovement),
    refund: (request, signal) =>
      note({ call: 'refund', asked: request }, () => gateway.refund(request, signal), readMovement),
  };
}

function describe(call: PaymentCall, asked: Asked, { step, tenantId }: Run) {
  const { key, orderId, currency, amountMinor = null, method = null } = asked;
  const [kind, generation] = key.slice(orderId.length + 1).split(':') as [PaymentKind, string];
  const about = { orderId, tenantId, key, kind, generation: Number(generation) };
  return { attemptId: randomId('att'), ...about, call, currency, amountMinor, method, step };
}

function readAnswer(answer: LookupOutcome | VoidOutcome): Ending {
  switch (answer.kind) {
    case 'succeeded':
    case 'captured':
      return ending(answer.kind, null, answer.providerRef);
    case 'declined':
      return ending(answer.kind, answer.declineCode);
    case 'not_chargeable':
      return ending(answer.kind, answer.problem.problem);
    case 'voided':
    case 'absent':
      return ending(answer.kind);
  }
}

function readMovement({ providerRef }: { readonly providerRef: string }): Ending {
  return ending('succeeded', null, providerRef);
}

function endingOf(error: unknown): Ending {
  if (error instanceof PaymentOutcomeUnknownError) return ending('unknown', error.why);
  if (error instanceof PaymentContractError) return ending('refused', error.why);
  if (error instanceof PaymentMismatchError) return ending('mismatch', error.field);
  if (error instanceof AuthorizationGoneError) return ending('gone', error.code);
  if (!(error instanceof OrderSagaError)) return ending('failed');
  if (error.code === 'payment_gateway_open') return ending('not_sent', error.code);
  return ending(error.code === 'refund_refused' ? 'refused' : 'failed', error.code);
}

function ending(outcome: PaymentAttemptOutcome, code: string | null = null, providerRef: string | null = null): Ending {
  return { outcome, code, providerRef };
}
