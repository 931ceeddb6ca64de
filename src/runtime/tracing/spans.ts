import {
  context,
  createContextKey,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api';

/**
 * What the rest of the service knows of tracing. Until `startTracing` has set OpenTelemetry up, every function here only
 * runs its work. Attributes hold ids, codes and numbers, and never values of statements, messages of errors, or what a
 * customer wrote.
 */
const tracer = trace.getTracer('order-saga');

/** The spans that share a piece of work with the span that is its parent. */
const LINKS = createContextKey('links of a shared piece of work');

/** What is known of a span when it starts. */
interface SpanStart {
  readonly name: string;
  readonly attributes?: Attributes;
  readonly kind?: keyof typeof SpanKind;
}

/** Runs a part of a traced piece of work in a span of its own; outside of a trace it only runs it. */
export function inSpan<Result>(start: SpanStart, work: (span: Span) => Promise<Result>): Promise<Result> {
  const around = context.active();
  return isRecorded(around) ? runIn(around, start, work) : work(NO_SPAN);
}

/**
 * Runs work that belongs to the trace of a request or a step in another process. Work without a trace gets none.
 * @param traceparent A W3C `traceparent`, as `activeTrace` gave it to the one who asks for the work.
 */
export function continueTrace<Result>(
  traceparent: string | undefined,
  start: SpanStart,
  work: () => Promise<Result>,
): Promise<Result> {
  if (traceparent === undefined) return work();
  const around = propagation.extract(ROOT_CONTEXT, { traceparent });
  return isSampled(around) ? runIn(around, start, work) : work();
}

/** Runs work at which a trace begins, or goes on when `traceparent` has one. The sampler decides what is recorded. */
export function beginTrace<Result>(
  traceparent: string | undefined,
  start: SpanStart,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  return runIn(propagation.extract(ROOT_CONTEXT, { traceparent }), start, work);
}

/** Records work that has ended, at the times when it ran; in milliseconds since the epoch. */
export function recordSpan(
  traceparent: string,
  start: SpanStart & { readonly startTime: number; readonly endTime: number; readonly errorType?: string | undefined },
): void {
  const { endTime, errorType } = start;
  const around = propagation.extract(ROOT_CONTEXT, { traceparent });
  if (!isSampled(around)) return;
  const span = tracer.startSpan(start.name, { ...optionsOf(start), startTime: start.startTime }, around);
  if (errorType !== undefined) fail(span, errorType);
  span.end(endTime);
}

/**
 * Runs work that several callers share, such as a statement that answers all of them: its spans hang under the first
 * caller that is traced, with links to the others.
 */
export function shareSpans<Result>(callers: readonly Context[], work: () => Result): Result {
  const [first, ...others] = callers.filter(isRecorded);
  if (first === undefined) return context.with(ROOT_CONTEXT, work);
  const links = others.flatMap((each): Link[] => {
    const linked = trace.getSpanContext(each);
    return linked === undefined ? [] : [{ context: linked }];
  });
  return context.with(links.length === 0 ? first : first.setValue(LINKS, links), work);
}

/** The caller's place in its trace, for {@link shareSpans}. */
export function traceContext(): Context {
  return context.active();
}

/** The current trace, if it is recorded, in the form in which it is stored and sent on. */
export function activeTrace(): { readonly traceparent?: string } {
  const active = trace.getSpan(context.active());
  const traceparent = active === undefined || !isSampled(context.active()) ? null : traceparentOf(active);
  return traceparent === null ? {} : { traceparent };
}

/** The id of the current trace, if it is recorded; null otherwise. */
export function activeTraceId(): string | null {
  const spanContext = trace.getSpanContext(context.active());
  return spanContext === undefined || (spanContext.traceFlags & TraceFlags.SAMPLED) === 0 ? null : spanContext.traceId;
}

/** Runs work that has nothing to do with the trace in which it happens to be called. */
export function outsideTraces<Result>(work: () => Result): Result {
  return context.with(ROOT_CONTEXT, work);
}

/** Links the current span to the trace of an order, when a request about the order has a trace of its own. */
export function linkTrace(traceparent: string | null): void {
  const active = trace.getActiveSpan();
  if (traceparent === null || active?.isRecording() !== true) return;
  const linked = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, { traceparent }));
  if (linked !== undefined) active.addLink({ context: linked });
}

/** The `traceparent` that answers a request; null while nothing is traced. */
export function traceparentOf(span: Span): string | null {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (!isSpanContextValid(span.spanContext())) return null;
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

/** Marks a span as failed by a stable code. */
export function fail(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

const NO_SPAN: Span = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: TraceFlags.NONE });

async function runIn<Result>(
  around: Context,
  start: SpanStart,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  const links = around.getValue(LINKS) as Link[] | undefined;
  const span = tracer.startSpan(start.name, { ...optionsOf(start), ...(links === undefined ? {} : { links }) }, around);
  try {
    return await context.with(trace.setSpan(links === undefined ? around : around.deleteValue(LINKS), span), () =>
      work(span),
    );
  } catch (error) {
    fail(span, errorTypeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

function optionsOf({ attributes = {}, kind = 'INTERNAL' }: SpanStart) {
  return { attributes, kind: SpanKind[kind] };
}

function isRecorded(around: Context): boolean {
  return trace.getSpan(around)?.isRecording() === true;
}

function isSampled(around: Context): boolean {
  return ((trace.getSpanContext(around)?.traceFlags ?? 0) & TraceFlags.SAMPLED) !== 0;
}

/** The stable code of an error: a failure's type, else the class. Messages may hold data and are left out. */
function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('type' in error && typeof error.type === 'string') return error.type;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
