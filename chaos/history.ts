import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/**
 * How far an operation is. `invoke`: it was sent. `ok`: it was done. `fail`: it certainly was not done. `info`: there is
 * no answer, or one that leaves the outcome open; it may still be done.
 */
export const HISTORY_TYPES = ['invoke', 'ok', 'fail', 'info'] as const;
export type HistoryType = (typeof HISTORY_TYPES)[number];

/** One line of the history. */
export interface HistoryEntry {
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly at: number;
  /** The client, the operator, the sampler, or `nemesis`. */
  readonly who: string;
  /** What it does, for example `create`, `read`, `cancel`, `fault`. */
  readonly op: string;
  /** The Idempotency-Key; of a fault its number. */
  readonly key: string | null;
  readonly order: string | null;
  readonly type: HistoryType;
  /** The HTTP status; null without an answer. */
  readonly status: number | null;
  /** What the check of this operation needs beside it. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a writer knows of an operation; the rest is null. */
export type NewEntry = Pick<HistoryEntry, 'who' | 'op' | 'type'> & Partial<Omit<HistoryEntry, 'at'>>;

/** Everything that clients, operators, samplers and faults did during a run, in the order in which it happened. */
export interface History {
  readonly entries: readonly HistoryEntry[];
  write(entry: NewEntry): void;
  /** Resolves when everything is in the file. */
  close(): Promise<void>;
}

/** A history that is kept in memory, and in a file with one JSON object per line unless `file` is null. */
export function createHistory(file: string | null, now: () => number = Date.now): History {
  const entries: HistoryEntry[] = [];
  const stream = file === null ? null : createWriteStream(file);
  return {
    entries,
    write: ({ key = null, order = null, status = null, data = {}, ...entry }) => {
      const written: HistoryEntry = { at: now(), ...entry, key, order, status, data };
      entries.push(written);
      stream?.write(`${JSON.stringify(written)}\n`);
    },
    close: async () => {
      if (stream === null) return;
      stream.end();
      await finished(stream);
    },
  };
}

/** A fault of the nemesis as the history tells it; times are milliseconds since 1970. */
export interface FaultNote {
  readonly id: string;
  readonly kind: string;
  readonly target: string;
  readonly begunAt: number;
  /** Null when it was never healed. */
  readonly healedAt: number | null;
}

/** When each order was first accepted, by its key, in milliseconds since 1970. */
export function acceptedByKey(entries: readonly HistoryEntry[]): Map<string, number> {
  const acceptedAt = new Map<string, number>();
  for (const { op, type, key, at } of entries) {
    if (op === 'create' && type === 'ok' && key !== null && !acceptedAt.has(key)) acceptedAt.set(key, at);
  }
  return acceptedAt;
}

/**
 * The faults that struck: an `invoke` with the op `fault`, its number as the key, and `kind` and `target` as data; the
 * `ok` under the same key is its heal. A fault whose `fail` follows did not take place.
 */
export function faultsOf(entries: readonly HistoryEntry[]): FaultNote[] {
  const notes = Map.groupBy(
    entries.filter(({ op }) => op === 'fault'),
    ({ key }) => key ?? '',
  );
  return [...notes].flatMap(([id, lines]) => {
    const begun = lines.find(({ type }) => type === 'invoke');
    if (begun === undefined || lines.some(({ type }) => type === 'fail')) return [];
    const healed = lines.find(({ type }) => type === 'ok');
    const { kind, target } = begun.data;
    return [{ id, kind: String(kind), target: String(target), begunAt: begun.at, healedAt: healed?.at ?? null }];
  });
}
