import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { traceIdOf } from '../domain/traceparent.ts';
import { CORRELATION_HEADER, CORRELATION_MEMO, STARTED_HEADER, TRACE_HEADER, TRACE_MEMO } from './contract.ts';

/**
 * Carries the correlation id and the trace of the request that made an order from the workflow's memo to its
 * activities, both into every log line of workflow and activities, and the trace to the workflow's children. Activities
 * learn when their workflow was started, too. Workflow code makes no span: it runs again in every replay.
 */
export function interceptors(): WorkflowInterceptors {
  return {
    inbound: [],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: withOrigin(input.headers) }),
        scheduleLocalActivity: (input, next) => next({ ...input, headers: withOrigin(input.headers) }),
        startChildWorkflowExecution: (input, next) => next({ ...input, options: withTrace(input.options) }),
        getLogAttributes: (attributes, next) => {
          const correlationId = fromMemo(CORRELATION_MEMO);
          const traceId = traceIdOf(fromMemo(TRACE_MEMO));
          return next({
            ...attributes,
            ...(correlationId === undefined ? {} : { correlationId }),
            ...(traceId === null ? {} : { traceId }),
          });
        },
      },
    ],
  };
}

function fromMemo(name: string): string | undefined {
  const value = workflowInfo().memo?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** Where each value of the memo travels to an activity. */
const HEADERS = [
  [CORRELATION_MEMO, CORRELATION_HEADER],
  [TRACE_MEMO, TRACE_HEADER],
] as const;

function withOrigin(headers: Headers): Headers {
  const { startTime } = workflowInfo();
  const origin: Headers = { [STARTED_HEADER]: defaultPayloadConverter.toPayload(startTime.getTime()) };
  for (const [memo, header] of HEADERS) {
    const value = fromMemo(memo);
    if (value !== undefined) origin[header] = defaultPayloadConverter.toPayload(value);
  }
  return { ...headers, ...origin };
}

/** A child that is started with a trace of its own keeps it. */
function withTrace<Options extends { readonly memo?: Record<string, unknown> }>(options: Options): Options {
  const traceparent = fromMemo(TRACE_MEMO);
  return traceparent === undefined ? options : { ...options, memo: { [TRACE_MEMO]: traceparent, ...options.memo } };
}
