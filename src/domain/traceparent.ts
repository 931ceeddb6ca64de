/** A W3C `traceparent` of version 00: the trace, the span within it, and whether the trace is recorded. */
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The id of the trace that a stored `traceparent` belongs to; null when the order was not traced. */
export function traceIdOf(traceparent: string | null | undefined): string | null {
  return TRACEPARENT.exec(traceparent ?? '')?.[1] ?? null;
}
