import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import type { Activities } from './activities/index.ts';
import { CORRELATION_HEADER } from './workflows/contract.ts';

/** Made anew for every attempt of an activity. */
export type ActivityInterceptorsFactory = NonNullable<NonNullable<WorkerOptions['interceptors']>['activity']>[number];

/** Puts the order's correlation id into every log line of its activities. */
export const correlateLogs: ActivityInterceptorsFactory = () => {
  let correlation: { readonly correlationId?: string } = {};
  return {
    inbound: {
      execute: (input, next) => {
        const payload = input.headers[CORRELATION_HEADER];
        if (payload !== undefined)
          correlation = { correlationId: defaultPayloadConverter.fromPayload<string>(payload) };
        return next(input);
      },
    },
    outbound: { getLogAttributes: (attributes, next) => next({ ...attributes, ...correlation }) },
  };
};

const LAST_STEPS = new Set<string>(['confirmOrder', 'rejectOrder'] satisfies (keyof Activities)[]);

/** Tells when an order's first local pass is over: its last step is done, or a step failed and will be retried. */
export function watchLocalPass(onEnded: (workflowId: string) => void): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const workflowId = info.workflowExecution?.workflowId ?? '';
        try {
          const result = await next(input);
          if (LAST_STEPS.has(info.activityType)) onEnded(workflowId);
          return result;
        } catch (error) {
          onEnded(workflowId);
          throw error;
        }
      },
    },
  });
}
