import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { CORRELATION_HEADER, CORRELATION_MEMO } from './contract.ts';

/**
 * Carries the correlation id of the request that made an order from the workflow's memo to its activities, and into
 * every log line of both.
 */
export function interceptors(): WorkflowInterceptors {
  return {
    inbound: [],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: withCorrelation(input.headers) }),
        scheduleLocalActivity: (input, next) => next({ ...input, headers: withCorrelation(input.headers) }),
        getLogAttributes: (attributes, next) => next({ ...attributes, ...correlation() }),
      },
    ],
  };
}

function correlation(): { readonly correlationId?: string } {
  const correlationId = workflowInfo().memo?.[CORRELATION_MEMO];
  return typeof correlationId === 'string' ? { correlationId } : {};
}

function withCorrelation(headers: Headers): Headers {
  const { correlationId } = correlation();
  if (correlationId === undefined) return headers;
  return { ...headers, [CORRELATION_HEADER]: defaultPayloadConverter.toPayload(correlationId) };
}
