import type { History, HistoryEntry, NewEntry } from '../history.ts';
import { quantilesOf, type Quantiles } from '../report/recovery.ts';

/** What clients saw in one minute. */
export interface MinuteOfClients {
  /** Orders that were accepted for the first time. */
  readonly accepted: number;
  /** Milliseconds between a post and its 202, each try for itself; null without one. */
  readonly acceptMs: Quantiles | null;
  /** Requests with an answer or without one. */
  readonly requests: number;
  /** Requests without an answer, or with a failure of the service (5xx). */
  readonly failed: number;
  /** Share of requests that were served, from 0 to 1. */
  readonly availability: number;
}

/** A history that is counted minute by minute and not kept, because it would fill the memory of a long run. */
export interface Tally {
  readonly history: History;
  /** The minutes since the start, oldest first. */
  minutes(): MinuteOfClients[];
  accepted(): number;
  /** Faults that have struck and were healed. */
  faults(): number;
}

const MINUTE_MS = 60_000;

/** Entries that are no requests of clients. */
const OTHERS = new Set(['fault', 'stock', 'healed']);

interface Minute {
  accepted: number;
  requests: number;
  failed: number;
  readonly acceptMs: number[];
}

export function createTally(startedAt: number, now: () => number = Date.now): Tally {
  const minutes: Minute[] = [];
  const acceptedKeys = new Set<string>();
  const postedAt = new Map<string, number>();
  let faults = 0;
  const presentMinute = (at: number): Minute => {
    const index = Math.max(0, Math.floor((at - startedAt) / MINUTE_MS));
    while (minutes.length <= index) minutes.push({ accepted: 0, requests: 0, failed: 0, acceptMs: [] });
    return minutes[index] ?? { accepted: 0, requests: 0, failed: 0, acceptMs: [] };
  };
  const countCreate = ({ key, who, type, at }: Timed, minute: Minute): void => {
    const post = `${who} ${key}`;
    if (type === 'invoke') {
      postedAt.set(post, at);
      return;
    }
    const sentAt = postedAt.get(post);
    postedAt.delete(post);
    if (type !== 'ok' || key == null) return;
    if (sentAt !== undefined) minute.acceptMs.push(at - sentAt);
    if (acceptedKeys.has(key)) return;
    acceptedKeys.add(key);
    minute.accepted += 1;
  };
  const write = (entry: NewEntry): void => {
    if (entry.op === 'fault' && entry.type === 'ok') faults += 1;
    if (OTHERS.has(entry.op) || entry.who === 'nemesis') return;
    const at = now();
    const minute = presentMinute(at);
    if (entry.op === 'create') countCreate({ ...entry, at }, minute);
    if (entry.type === 'invoke') return;
    minute.requests += 1;
    const status = entry.status ?? 0;
    if (status === 0 || status >= 500) minute.failed += 1;
  };
  return {
    history: { entries: [], write, close: async () => {} },
    minutes: () =>
      minutes.map(({ accepted, requests, failed, acceptMs }) => ({
        accepted,
        acceptMs: quantilesOf(acceptMs),
        requests,
        failed,
        availability: requests === 0 ? 1 : 1 - failed / requests,
      })),
    accepted: () => acceptedKeys.size,
    faults: () => faults,
  };
}

type Timed = NewEntry & Pick<HistoryEntry, 'at'>;
