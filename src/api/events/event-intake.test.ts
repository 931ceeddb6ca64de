import { expect, it } from 'vitest';
import type { AppendedEvent, EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type { OfferedEvent } from '../../domain/event.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../domain/errors.ts';
import { createEventIntake } from './event-intake.ts';

let lastId = 0;

function offer(event: Partial<OfferedEvent> = {}): OfferedEvent {
  lastId += 1;
  const eventId = `event-${lastId}`;
  const about = { tenantId: 'demo', eventId, type: 'purchase', key: eventId, userId: null };
  return { ...about, source: 'http', correlationId: 'c', occurredAt: new Date(), properties: {}, ...event };
}

function many(count: number): OfferedEvent[] {
  return Array.from({ length: count }, () => offer());
}

/** A log in memory that notes its appends; `refuse` is asked before each. The real one has tests of its own. */
function createLog(refuse: (events: readonly OfferedEvent[], append: number) => Error | null = () => null) {
  const appends: number[] = [];
  const announced: [readonly number[], readonly string[]][] = [];
  const places = new Map<string, AppendedEvent>();
  const log: Pick<EventLogRepository, 'append' | 'announce'> = {
    append: async (events) => {
      appends.push(events.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const error = refuse(events, appends.length);
      if (error !== null) throw error;
      return events.map(({ eventId }) => {
        const known = places.get(eventId);
        if (known !== undefined) return { ...known, isNew: false };
        const place = { partition: 3, sequence: places.size + 1, isNew: true };
        places.set(eventId, place);
        return place;
      });
    },
    announce: (partitions, topics) => {
      announced.push([partitions, topics]);
      return Promise.reject(new DatabaseUnavailableError('08006'));
    },
  };
  return { log, appends, announced };
}

it('The intake shares appends, one at a time, and answers each request with its own', async () => {
  const { log, appends } = createLog();
  const intake = createEventIntake({ log });
  const requests = Array.from({ length: 40 }, () => many(3));
  const receipts = await Promise.all(requests.map((events) => intake.submit(events, 100)));
  expect(appends).toEqual([120]);
  expect(receipts.flat().map(({ sequence }) => sequence)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
});

it('The intake appends at most 1,000 events or 4 MiB at once, and never splits a request', async () => {
  const { log, appends } = createLog();
  const intake = createEventIntake({ log });
  const counts = [400, 500, 200, 500, 1];
  await Promise.all(counts.map((count) => intake.submit(many(count), 1_000)));
  expect(appends).toEqual([900, 701]);
  await Promise.all([3, 2, 1].map((size) => intake.submit(many(size), size * 1024 * 1024)));
  expect(appends.slice(2)).toEqual([3, 3]);
});

it('The intake says of an id that comes twice at once that the first one is new', async () => {
  const { log, appends } = createLog();
  const intake = createEventIntake({ log });
  const event = offer();
  const again = { ...event, key: 'another' };
  const other = { ...event, tenantId: 'acme', eventId: `${event.eventId}-b` };
  const answers = await Promise.all(
    [
      [event, again],
      [again, other],
    ].map((events) => intake.submit(events, 10)),
  );
  expect(answers.map((receipts) => receipts.map(({ isNew }) => isNew))).toEqual([
    [true, false],
    [false, true],
  ]);
  expect(appends).toEqual([2]);
});

it('The intake refuses what does not fit into the queue, and nothing else', async () => {
  const { log } = createLog();
  const intake = createEventIntake({ log });
  const answers = await Promise.allSettled(Array.from({ length: 50 }, () => intake.submit(many(500), 1_000)));
  const refused = answers.filter(({ status }) => status === 'rejected');
  expect(answers.length - refused.length).toBe(40);
  expect(refused[0]).toMatchObject({
    reason: { code: 'unavailable', headers: { 'Retry-After': expect.any(String) as string } },
  });
  await expect(intake.submit(many(1), 64 * 1024 * 1024 + 1)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(intake.submit(many(1), 10)).resolves.toHaveLength(1);
});

it('The intake appends again when another process takes one of the ids at once', async () => {
  const conflict = new DatabaseContractError('23505', 'event_ids_tenant_id_event_id_pk');
  const { log, appends } = createLog((_, append) => (append === 1 ? conflict : null));
  await expect(createEventIntake({ log }).submit(many(2), 10)).resolves.toHaveLength(2);
  expect(appends).toEqual([2, 2]);
  const { log: stubborn } = createLog(() => conflict);
  await expect(createEventIntake({ log: stubborn }).submit(many(1), 10)).rejects.toThrow(DatabaseUnavailableError);
});

it('The intake finds the culprit of a refused append in halves', async () => {
  const poison = offer();
  const { log, appends } = createLog((events) =>
    events.includes(poison) ? new DatabaseContractError('23514', 'some_check') : null,
  );
  const intake = createEventIntake({ log });
  const requests = Array.from({ length: 32 }, (_, index) => (index === 11 ? [poison] : many(1)));
  const answers = await Promise.allSettled(requests.map((events) => intake.submit(events, 10)));
  expect(answers.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([11]);
  expect(answers[11]).toMatchObject({ reason: { code: 'validation_failed' } });
  expect(appends.length).toBeLessThanOrEqual(11);
});

it('The intake does not look for a culprit when the schema is wrong', async () => {
  const { log, appends } = createLog(() => new DatabaseContractError('42P01', null));
  const intake = createEventIntake({ log });
  const answers = await Promise.allSettled(Array.from({ length: 8 }, () => intake.submit(many(1), 10)));
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
  expect(appends).toEqual([8]);
});

it('The intake refuses all that wait when the database does not answer, and goes on afterwards', async () => {
  const waiting: Promise<unknown>[] = [];
  const { log } = createLog((_, append) => {
    if (append > 1) return null;
    waiting.push(intake.submit(many(1), 10));
    return new DatabaseUnavailableError('08006');
  });
  const intake = createEventIntake({ log });
  const first = intake.submit(many(1), 10);
  await expect(first).rejects.toThrow(DatabaseUnavailableError);
  const reason = expect.any(DatabaseUnavailableError) as Error;
  expect(await Promise.allSettled(waiting)).toEqual([{ status: 'rejected', reason }]);
  await expect(intake.submit(many(1), 10)).resolves.toHaveLength(1);
});

it('The intake announces what is new, together, and goes on when nobody can be told', async () => {
  const { log, announced } = createLog();
  const intake = createEventIntake({ log });
  const event = offer({ type: 'custom.a.b' });
  await Promise.all([intake.submit([event], 10), intake.submit(many(2), 10)]);
  await intake.close();
  expect(announced).toEqual([[[3], ['custom', 'purchase']]]);
  await intake.submit([event], 10);
  await intake.close();
  expect(announced).toHaveLength(1);
});

it('The intake answers and announces what it has when it is closed', async () => {
  const { log, announced } = createLog();
  const intake = createEventIntake({ log });
  const submitted = Promise.all(Array.from({ length: 4 }, () => intake.submit(many(400), 10)));
  await intake.close();
  expect((await submitted).flat()).toHaveLength(1_600);
  expect(announced.length).toBeGreaterThanOrEqual(1);
});

it('A burst fills the whole queue, and an overload only a part of it, so that accepted events are answered soon', async () => {
  const { log } = createLog();
  const intake = createEventIntake({ log });
  const submitted: Promise<unknown>[] = [];
  const fill = (): number => {
    let requests = 0;
    for (; intake.refusal() === null && requests < 1_000; requests += 1)
      submitted.push(intake.submit(many(100), 1_000));
    return requests;
  };
  expect(fill()).toBe(200);
  expect(intake.refusal()).toMatchObject({ code: 'unavailable', headers: { 'Retry-After': expect.any(String) } });

  // The queue is kept full until no append has taken everything for more than a second.
  const startedAt = performance.now();
  let [refilled, largest] = [0, 0];
  while (performance.now() - startedAt < 1_500) {
    refilled = fill();
    if (performance.now() - startedAt > 1_200) largest = Math.max(largest, refilled);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(largest).toBeLessThanOrEqual(40);
  await Promise.all(submitted);
  expect(intake.refusal()).toBeNull();
  expect(fill()).toBe(200);
  await intake.close();
});

it('A request that is being read counts as much as requests usually have, once', async () => {
  const { log } = createLog();
  const intake = createEventIntake({ log });
  for (let request = 0; request < 60; request += 1) await intake.submit(many(500), 1_000).catch(() => {});
  const arrivals = Array.from({ length: 45 }, () => intake.announce());
  expect(intake.refusal()).not.toBeNull();
  for (const arrived of arrivals) {
    arrived();
    arrived();
  }
  expect(intake.refusal()).toBeNull();
  await intake.close();
});
