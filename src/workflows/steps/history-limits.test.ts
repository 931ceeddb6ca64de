import { expect, it } from 'vitest';
import { HOLD_EXTENSION, persistPauseMs } from './step-policies.ts';
import { EVENT_PUMP_POLICY, NOTICE_POLICY, REDRIVE_POLICY, WEBHOOK_POLICY } from './background-policies.ts';

/** Temporal ends a workflow whose history has more events, or that has received more signals. */
const EVENTS_MAX = 51_200;
const SIGNALS_MAX = 10_000;

/** A workflow task is scheduled, started and completed. */
const TASK = 3;
const ACTIVITY = 3 + TASK;
/** A timer is started, and fired or cancelled. */
const TIMER = 2 + TASK;
const SIGNAL = 1 + TASK;

/** The events of one round of a parked step: the wait, the attempt, the search attribute, the case. */
const PARKED_ROUND = TIMER + ACTIVITY + 1 + ACTIVITY;

/** The local tries for a look at the row and the money. */
const MARKERS_OF_A_LOOK = 3;

const SECOND = 1_000;
const DAY = 24 * 3_600 * SECOND;
const YEAR = 365 * DAY;

/** How often a wait ends within the span, when each wait is as long as `pauseMs` says. */
function timesIn(spanMs: number, pauseMs: (waitedMs: number, times: number) => number): number {
  let times = 0;
  for (let waitedMs = 0; waitedMs < spanMs; times += 1) waitedMs += pauseMs(waitedMs, times);
  return times;
}

/**
 * The pauses of the list of waiting steps (db/repositories/orders/waiting-step-repository.ts): 10 s, 20 s ... a day.
 */
const wakesInAYear = timesIn(YEAR, (_, times) => Math.min(10 * SECOND * 2 ** times, DAY));

const shortestHoldMs = 1_465 * SECOND;

const REDRIVE_STAGES = 2 + Math.ceil(REDRIVE_POLICY.casesMax / REDRIVE_POLICY.batch);

const EVENTS: Readonly<Record<string, number>> = {
  'a step that goes on by itself, in a year': PARKED_ROUND * timesIn(YEAR, persistPauseMs),
  'a payment that waits for a person and is woken, in a year': (PARKED_ROUND + SIGNAL) * wakesInAYear,
  'a command that waits for its turn, in a year':
    (MARKERS_OF_A_LOOK + TIMER) * timesIn(YEAR, (_, times) => Math.min(200 * 2 ** times, DAY / 2)),
  'an order that waits for its capture': (MARKERS_OF_A_LOOK + TIMER) * timesIn(7 * DAY, () => 3_600 * SECOND),
  'a hold that is made longer':
    (TIMER + ACTIVITY) * Math.ceil(HOLD_EXTENSION.limitMs / (shortestHoldMs * HOLD_EXTENSION.partOfTtl)),
  'an event pump or the order feed, until its next run, failing all the time':
    (ACTIVITY + TIMER) * EVENT_PUMP_POLICY.rounds,
  'the deliveries about an order, until their next run, all asked for by hand':
    (SIGNAL + ACTIVITY + TIMER) * WEBHOOK_POLICY.roundsPerRun,
  'a redrive':
    REDRIVE_POLICY.casesMax * (2 + TASK + TIMER) +
    REDRIVE_STAGES * (REDRIVE_POLICY.watchMs / REDRIVE_POLICY.watchIntervalMs) * (ACTIVITY + TIMER),
  'a notice before it is left to the sweep': NOTICE_POLICY.pausesMs.length * (2 * ACTIVITY + TIMER),
};

it.each(Object.entries(EVENTS))('The history of %s has half of what Temporal takes at most', (_, events) => {
  expect(events).toBeLessThan(EVENTS_MAX / 2);
});

it('The history of a payment that is woken for a year has few signals', () => {
  expect(wakesInAYear).toBeLessThan(SIGNALS_MAX / 10);
});

it('The pauses of a step that goes on by itself let no absence be waited for by more than a tenth, a minute at least and half a day at most', () => {
  expect(persistPauseMs(0)).toBe(60 * SECOND);
  expect(persistPauseMs(3_600 * SECOND)).toBe(360 * SECOND);
  expect(persistPauseMs(100 * DAY)).toBe(DAY / 2);
});
