import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelledFailure, defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { toFailure } from '../activities/failure.ts';
import type { FastPathActivities, FastPathResult, StepListener } from '../activities/fast-path.ts';
import type { Activities } from '../activities/index.ts';
import { traceIdOf } from '../domain/traceparent.ts';
import { continueTrace } from '../runtime/tracing/spans.ts';
import { CORRELATION_HEADER, STARTED_HEADER, TRACE_HEADER } from '../workflows/contract.ts';
import { asksForAttempt, type ToldAnswer } from '../workflows/steps/told-answer.ts';
import { STEP_NAMES } from './worker-metrics.ts';

/** Made anew for every attempt of an activity. */
export type ActivityInterceptorsFactory = NonNullable<NonNullable<WorkerOptions['interceptors']>['activity']>[number];

/**
 * Puts the order's correlation id and its trace into every log line of its activities. The SDK writes these lines
 * later, when the span of the attempt is no longer the current one, so the trace is named here.
 */
export const correlateLogs: ActivityInterceptorsFactory = () => {
  let origin: { readonly correlationId?: string; readonly traceId?: string } = {};
  return {
    inbound: {
      execute: (input, next) => {
        const correlationId = fromHeader(input.headers, CORRELATION_HEADER);
        const traceId = traceIdOf(fromHeader(input.headers, TRACE_HEADER));
        origin = {
          ...(correlationId === undefined ? {} : { correlationId }),
          ...(traceId === null ? {} : { traceId }),
        };
        return next(input);
      },
    },
    outbound: { getLogAttributes: (attributes, next) => next({ ...attributes, ...origin }) },
  };
};

const workflowStart = new AsyncLocalStorage<number>();

/** Lets the code of an activity know when its workflow was started. */
export const rememberStart: ActivityInterceptorsFactory = () => ({
  inbound: {
    execute: (input, next) => {
      const payload = input.headers[STARTED_HEADER];
      if (payload === undefined) return next(input);
      return workflowStart.run(defaultPayloadConverter.fromPayload<number>(payload), () => next(input));
    },
  },
});

/** The age of the workflow whose activity runs this code; null outside of an activity. */
export function workflowAgeSeconds(): number | null {
  const startedMs = workflowStart.getStore();
  return startedMs === undefined ? null : Math.max(0, Date.now() - startedMs) / 1_000;
}

function fromHeader(headers: Headers, name: string): string | undefined {
  const payload = headers[name];
  return payload === undefined ? undefined : defaultPayloadConverter.fromPayload<string>(payload);
}

/** Gives each attempt of an activity a span in the trace of its workflow; sweeps and pumps have none. */
export const traceActivities: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: (input, next) => {
      const traceparent = fromHeader(input.headers, TRACE_HEADER);
      if (traceparent === undefined) return next(input);
      const attributes = {
        'temporal.workflow_id': info.workflowExecution?.workflowId ?? '',
        'temporal.attempt': info.attempt,
        'temporal.task_queue': info.taskQueue,
        'temporal.is_local': info.isLocal,
      };
      const span = { name: info.activityType, attributes };
      return continueTrace(traceparent, span, () => next(input));
    },
  },
});

/** Tells the number of the attempt with an answer, when the workflow asks for it. */
export const tellAttempts: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: async (input, next) => {
      if (!asksForAttempt(input.args)) return next(input);
      const answer: unknown = await next({ ...input, args: input.args.slice(0, 1) });
      return { toldAttempt: info.attempt, answer } satisfies ToldAnswer;
    },
  },
});

const STEPS = new Set<string>(STEP_NAMES);

/** Tells of each try of a step that runs as an activity of its own; `tryFastPath` tells of the steps in it. */
export function watchSteps(onStep: StepListener): ActivityInterceptorsFactory {
  return ({ info: { activityType: step } }) => {
    if (!STEPS.has(step)) return {};
    return {
      inbound: {
        execute: async (input, next) => {
          const startedMs = performance.now();
          const end = (failure: string | null): void =>
            onStep({ step, seconds: (performance.now() - startedMs) / 1_000, failure });
          try {
            const result = await next(input);
            end(null);
            return result;
          } catch (error) {
            end(error instanceof CancelledFailure ? 'cancelled' : (toFailure(error).type ?? 'unclassified'));
            throw error;
          }
        },
      },
    };
  };
}

const FAST_PATH = 'tryFastPath' satisfies keyof FastPathActivities;
const LAST_STEPS = new Set<string>(['confirmOrder', 'rejectOrder'] satisfies (keyof Activities)[]);

/**
 * The joined steps have brought the order to its end, or one of them has failed; else the order continues with local
 * steps.
 */
function endsFastPath(activityType: string, result: unknown): boolean {
  if (activityType !== FAST_PATH) return false;
  const outcomes = result as FastPathResult;
  return outcomes.confirmOrder !== undefined || Object.values(outcomes).some(({ failure }) => failure !== undefined);
}

/**
 * The state of an order's first fast path: steps that run right now (some run side by side), and whether one was the
 * last.
 */
interface FastPath {
  running: number;
  lastStepDone: boolean;
}

/**
 * Calls back when an order's first fast path is over: all its steps are done, or one has failed and will be retried.
 */
export function watchFastPath(onEnded: (workflowId: string) => void): ActivityInterceptorsFactory {
  const passes = new Map<string, FastPath>();
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const workflowId = info.workflowExecution?.workflowId ?? '';
        const pass = passes.get(workflowId) ?? { running: 0, lastStepDone: false };
        passes.set(workflowId, pass);
        pass.running += 1;
        try {
          const result = await next(input);
          pass.lastStepDone ||= LAST_STEPS.has(info.activityType) || endsFastPath(info.activityType, result);
          return result;
        } catch (error) {
          pass.lastStepDone = true;
          throw error;
        } finally {
          pass.running -= 1;
          if (pass.running === 0) {
            passes.delete(workflowId);
            if (pass.lastStepDone) onEnded(workflowId);
          }
        }
      },
    },
  });
}
