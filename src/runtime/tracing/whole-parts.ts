import type { Context } from '@opentelemetry/api';
import { trace } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';

/** Spans that are held back at once; further ones are handed on as they end. */
const HELD_MAX = 2_048;

/** The part of a trace that runs in this process under one span, which came from outside or began the trace. */
interface Part {
  readonly ended: ReadableSpan[];
  isOver: boolean;
}

/**
 * Holds the spans of a part of a trace back until the span that they hang under has ended, and hands all of them on
 * together. So a process that is killed in the middle of an attempt leaves nothing of the attempt, and no span whose
 * parent nobody knows.
 */
export function keepPartsWhole(inner: SpanProcessor): SpanProcessor {
  /** By span: a span's part is that of its parent in this process, else its own. */
  const parts = new WeakMap<object, Part>();
  let held = 0;
  return {
    onStart: (span, parentContext) => {
      parts.set(span, partOf(parentContext) ?? { ended: [], isOver: false });
      inner.onStart(span, parentContext);
    },
    onEnd: (span) => {
      const part = parts.get(span);
      const isTop = span.parentSpanContext === undefined || span.parentSpanContext.isRemote === true;
      if (part === undefined || part.isOver || (!isTop && held >= HELD_MAX)) return inner.onEnd(span);
      if (!isTop) {
        part.ended.push(span);
        held += 1;
        return;
      }
      part.isOver = true;
      inner.onEnd(span);
      held -= part.ended.length;
      for (const each of part.ended.splice(0)) inner.onEnd(each);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };

  function partOf(parentContext: Context): Part | undefined {
    const parent = trace.getSpan(parentContext);
    return parent === undefined ? undefined : parts.get(parent);
  }
}
