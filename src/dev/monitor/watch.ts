import { z } from 'zod';
import type { ApiAccess } from '../api-access.ts';

const partitionSchema = z.object({ partition: z.int(), lag: z.int(), oldestSeconds: z.number() });
const statsSchema = z.object({
  at: z.string(),
  accepted: z.int(),
  consumers: z.array(
    z.object({
      name: z.string(),
      paused: z.boolean(),
      processed: z.int(),
      retrying: z.int(),
      failed: z.int(),
      lag: z.int(),
      oldestSeconds: z.number(),
      partitions: z.array(partitionSchema),
    }),
  ),
});
const overviewSchema = z.object({
  orders: z.object({ byStatus: z.record(z.string(), z.int()), windowHours: z.int() }),
});
const problemSchema = z.object({ code: z.string(), detail: z.string() });

/** The figures of one moment. */
export interface Snapshot extends z.infer<typeof statsSchema> {
  readonly orders: z.infer<typeof overviewSchema>['orders'];
  /** Events that have reached the asked API process since it started, by outcome. */
  readonly received: Readonly<Record<string, number>>;
}

/** Every request is answered in milliseconds; the limit leaves time for a busy machine. */
const ANSWER_LIMIT_MS = 5_000;

/**
 * Asks one API for its figures.
 * @throws {Error} that says what was not answered.
 */
export async function takeSnapshot({ url, token }: ApiAccess, stop: AbortSignal): Promise<Snapshot> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (path: string): Promise<Response> => {
    const response = await fetch(`${url}${path}`, { headers, signal }).catch((error: unknown) => {
      throw new Error(`nothing answers at ${url}${path} (${reasonOf(error)})`, { cause: error });
    });
    if (response.ok) return response;
    throw new Error(`${path}: ${response.status} ${describeProblem(await response.text())}`);
  };
  const [stats, overview, metrics] = await Promise.all([
    ask('/v1/events/stats').then((response) => response.json()),
    ask('/v1/console/stream').then(firstEvent),
    ask('/metrics').then((response) => response.text()),
  ]);
  const { orders } = overviewSchema.parse(overview);
  return { ...statsSchema.parse(stats), orders, received: parseReceived(metrics) };
}

/** The console's stream begins with the present figures; this reader leaves after them. */
async function firstEvent(response: Response): Promise<unknown> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    // Leaving the loop cancels the stream.
    if (text.includes('\n\n')) break;
  }
  const data = /^data: (.*)$/m.exec(text)?.[1];
  if (data === undefined) throw new Error('/v1/console/stream: it ended without figures');
  return JSON.parse(data);
}

const RECEIVED = /^events_received_total\{[^}]*\boutcome="(?<outcome>\w+)"[^}]*\} (?<count>\d+)/gm;

/** Sums the received events over all types. */
export function parseReceived(metrics: string): Record<string, number> {
  const sums: Record<string, number> = { accepted: 0, duplicate: 0, refused: 0 };
  for (const { groups } of metrics.matchAll(RECEIVED)) {
    const outcome = groups?.['outcome'] ?? '';
    sums[outcome] = (sums[outcome] ?? 0) + Number(groups?.['count']);
  }
  return sums;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** The code and the detail of a problem document, else the beginning of the answer. */
function describeProblem(text: string): string {
  try {
    const { code, detail } = problemSchema.parse(JSON.parse(text));
    return `${code}: ${detail}`;
  } catch {
    return text.slice(0, 200);
  }
}
