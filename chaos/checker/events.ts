import type { HistoryEntry } from '../history.ts';
import { violation, type EventFact, type RunFacts, type Violation } from './facts.ts';

/** An event as its producer sent it. */
interface SentEvent {
  readonly id: string;
  readonly key: string;
  /** Whether its content is right; a wrong one is accepted, and then given up. */
  readonly valid: boolean;
  /** Whether it is alerted; then it may be given up and tried again later. */
  readonly alerted: boolean;
}

interface Place {
  readonly id: string;
  readonly partition: number;
  readonly sequence: number;
}

/** An event that a producer has the 202 of, in the order in which it was sent. */
interface Acknowledged extends SentEvent {
  readonly tenant: string;
  readonly place: Place;
}

/** Every acknowledged event is in the log once, at the place that was told, and has one result. */
export function checkEvents({ entries, events }: RunFacts): Violation[] {
  const acknowledged = entries.flatMap(acknowledgedBy);
  const lost = acknowledged.flatMap(({ tenant, ...sent }) => {
    const fact = events.get(`${tenant}/${sent.id}`);
    const problem = fact === undefined ? 'it was acknowledged, and is not in the log' : problemOf(fact, sent);
    return problem === null ? [] : [violation('events', `${tenant}/${sent.id}`, problem)];
  });
  const replayed = new Set(entries.filter(({ op }) => op === 'replay').map(({ data }) => Number(data['partition'])));
  return [...lost, ...checkOrder(acknowledged, events, replayed)];
}

function acknowledgedBy({ op, type, who, data }: HistoryEntry): Acknowledged[] {
  if ((op !== 'event' && op !== 'events') || type !== 'ok') return [];
  const places = data['places'] as readonly Place[];
  const tenant = who.split('/')[0] ?? '';
  return (data['sent'] as readonly SentEvent[]).flatMap((sent, index) => {
    const place = places[index];
    return place === undefined ? [] : [{ ...sent, tenant, place }];
  });
}

function problemOf(fact: EventFact, { place, valid }: Omit<Acknowledged, 'tenant'>): string | null {
  const { partition, sequence, processed, failed, isRetrying } = fact;
  if (partition !== place.partition || sequence !== place.sequence) {
    return `it was told to be at ${place.partition}/${place.sequence}, and is at ${partition}/${sequence}`;
  }
  if (processed > 1) return `it was processed ${processed} times`;
  if (isRetrying) return 'it still waits for a try';
  if (processed === 0 && failed === null) return 'it has no result';
  if (valid && failed !== null) return `its content is right, and it failed with ${failed}`;
  return !valid && failed === null ? 'its content is wrong, and it was processed' : null;
}

/** Events of a key keep the order in which their one producer sent them, in the log and in their processing. */
function checkOrder(
  acknowledged: readonly Acknowledged[],
  events: RunFacts['events'],
  replayed: ReadonlySet<number>,
): Violation[] {
  const firsts = [...new Map(acknowledged.toReversed().map((sent) => [`${sent.tenant}/${sent.id}`, sent])).values()];
  const byKey = Map.groupBy(firsts.toReversed(), ({ tenant, key }) => `${tenant}/${key}`);
  return [...byKey].flatMap(([key, sent]) =>
    sent.flatMap((after, index) => {
      const before = sent[index - 1];
      if (before === undefined) return [];
      const problem = orderProblem(before, after, events);
      // A second result of a replay, or of another try, tells nothing about the first.
      const isSettled = problem?.of !== 'results' || (!before.alerted && !replayed.has(before.place.partition));
      return problem !== null && isSettled ? [violation('events', key, problem.message)] : [];
    }),
  );
}

function orderProblem(
  before: Acknowledged,
  after: Acknowledged,
  events: RunFacts['events'],
): { readonly of: 'log' | 'results'; readonly message: string } | null {
  if (before.place.partition !== after.place.partition) {
    return {
      of: 'log',
      message: `its events are in the partitions ${before.place.partition} and ${after.place.partition}`,
    };
  }
  if (before.place.sequence >= after.place.sequence) {
    return { of: 'log', message: `${after.id} was sent after ${before.id}, and stands before it` };
  }
  const [first, second] = [before, after].map(({ tenant, id }) => events.get(`${tenant}/${id}`)?.processedAt ?? null);
  if (first == null || second == null || first <= second) return null;
  return { of: 'results', message: `${after.id} was processed before ${before.id}` };
}
