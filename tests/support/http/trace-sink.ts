import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Null for the span with which the trace begins. */
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly service: string;
  readonly pid: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The traces of the spans that it links to. */
  readonly links: readonly string[];
}

/** The stand-in of a collector: it takes OTLP as JSON and keeps the spans. */
export interface TraceSink {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything that was posted, unparsed. */
  readonly bodies: readonly string[];
  /** The spans of a trace, by their arrival. */
  of(traceId: string): readonly ReceivedSpan[];
  /** From now on no post is answered. */
  hang(): void;
  close(): Promise<void>;
}

/** Starts a collector's stand-in on a free port. */
export async function startTraceSink(): Promise<TraceSink> {
  const bodies: string[] = [];
  const spans: ReceivedSpan[] = [];
  let isHanging = false;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    bodies.push(body);
    if (isHanging) return;
    spans.push(...spansIn(JSON.parse(body) as OtlpTraces));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    of: (traceId) => spans.filter((span) => span.traceId === traceId),
    hang: () => {
      isHanging = true;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The names of a trace's spans whose parent did not arrive; the first span of the trace has none to miss. */
export function orphansOf(spans: readonly ReceivedSpan[]): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => parentSpanId !== null && !known.has(parentSpanId)).map(({ name }) => name);
}

/** The parts of OTLP that are read here. */
interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly links?: readonly { readonly traceId: string }[];
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function spansIn({ resourceSpans }: OtlpTraces): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const process = attributesOf(resource.attributes);
    const origin = { service: String(process['service.name']), pid: Number(process['process.pid']) };
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId = '', name, attributes, links = [] }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? null : parentSpanId,
        name,
        attributes: attributesOf(attributes),
        links: links.map((link) => link.traceId),
        ...origin,
      })),
    );
  });
}

function attributesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
