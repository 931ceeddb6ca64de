import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  activeTrace,
  activeTraceId,
  beginTrace,
  continueTrace,
  inSpan,
  outsideTraces,
  recordSpan,
  shareSpans,
  traceContext,
} from './spans.ts';
import { keepPartsWhole } from './whole-parts.ts';

const exporter = new InMemorySpanExporter();
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() });
  const spanProcessors = [keepPartsWhole(new SimpleSpanProcessor({ exporter }))];
  trace.setGlobalTracerProvider(new TracerProvider({ sampler, spanProcessors }));
});
beforeEach(() => exporter.reset());
// Other unit tests share this process.
afterAll(() => {
  trace.disable();
  propagation.disable();
  context.disable();
});

function sent(): string[] {
  return exporter.getFinishedSpans().map(({ name }) => name);
}

it('Work outside of a trace makes no span, and neither does work of a trace that is not recorded', async () => {
  const unrecorded = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
  await inSpan({ name: 'alone' }, async () => {});
  await continueTrace(undefined, { name: 'without a trace' }, async () => {});
  await continueTrace(unrecorded, { name: 'unrecorded' }, () => inSpan({ name: 'in it' }, async () => {}));
  recordSpan(unrecorded, { name: 'looked back on', startTime: 1, endTime: 2 });
  expect(sent()).toEqual([]);
});

it('Work in another process goes on in the trace that is handed to it', async () => {
  const handed = await beginTrace(undefined, { name: 'request' }, async () => activeTrace().traceparent);
  await continueTrace(handed, { name: 'step' }, () => inSpan({ name: 'statement' }, async () => {}));
  const [request, step, statement] = exporter.getFinishedSpans();
  expect(sent()).toEqual(['request', 'step', 'statement']);
  expect(step?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
  expect(statement?.parentSpanContext?.spanId).toBe(step?.spanContext().spanId);
});

it('A statement that several callers share hangs under the first and links to the others', async () => {
  const callers: ReturnType<typeof traceContext>[] = [];
  const ended = Promise.withResolvers<void>();
  const call = (name: string): Promise<void> =>
    beginTrace(undefined, { name }, async () => {
      callers.push(traceContext());
      await ended.promise;
    });
  const calls = [call('first'), call('second')];
  await shareSpans(callers, () => inSpan({ name: 'shared' }, () => inSpan({ name: 'inner' }, async () => {})));
  ended.resolve();
  await Promise.all(calls);
  const spans = new Map(exporter.getFinishedSpans().map((span) => [span.name, span]));
  expect(spans.get('shared')?.parentSpanContext?.spanId).toBe(spans.get('first')?.spanContext().spanId);
  expect(spans.get('shared')?.links.map((link) => link.context.spanId)).toEqual([
    spans.get('second')?.spanContext().spanId,
  ]);
  expect(spans.get('inner')?.links).toEqual([]);
});

it('A failure is named by its code, and its message is left out', async () => {
  const failing = beginTrace(undefined, { name: 'failing' }, async () => {
    throw Object.assign(new Error('ada@example.com is unknown'), { type: 'mail_rejected' });
  });
  await expect(failing).rejects.toThrow('is unknown');
  const [span] = exporter.getFinishedSpans();
  expect(span?.attributes).toEqual({ 'error.type': 'mail_rejected' });
  expect(JSON.stringify([span?.status, span?.events])).not.toContain('ada');
});

it('The id of the current trace is known where the trace is recorded, and only there', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  expect(activeTraceId()).toBeNull();
  await beginTrace(`00-${trace}-00f067aa0ba902b7-01`, { name: 'recorded' }, async () => {
    expect(activeTraceId()).toBe(trace);
    expect(outsideTraces(activeTraceId)).toBeNull();
  });
  await beginTrace(`00-${trace}-00f067aa0ba902b7-00`, { name: 'not recorded' }, async () => {
    expect(activeTraceId()).toBeNull();
  });
});

it('The spans of an attempt are sent when it ends, and one that ends later follows', async () => {
  const late = Promise.withResolvers<void>();
  let straggler: Promise<void> | undefined;
  await beginTrace(undefined, { name: 'attempt' }, async () => {
    straggler = inSpan({ name: 'late step' }, () => late.promise);
    await inSpan({ name: 'step' }, async () => {});
    expect(sent()).toEqual([]);
  });
  expect(sent()).toEqual(['attempt', 'step']);
  late.resolve();
  await straggler;
  expect(sent()).toEqual(['attempt', 'step', 'late step']);
});
