import { afterEach, expect, it, vi } from 'vitest';
import { PAYMENT_RETRY_DELAYS_MS } from '../domain/payments/payment.ts';
import { STEP_POLICIES } from '../workflows/steps/step-policies.ts';
import { paymentRetryDelayMs } from './failure.ts';

const { budgetMs, attemptTimeoutMs } = STEP_POLICIES.takePayment;

/** Temporal's description of an attempt that is scheduled the given time after the step's first. */
function attemptAt(elapsedMs: number) {
  const scheduledTimestampMs = Date.UTC(2026, 0, 1);
  return {
    scheduledTimestampMs,
    currentAttemptScheduledTimestampMs: scheduledTimestampMs + elapsedMs,
    scheduleToCloseTimeoutMs: budgetMs,
    startToCloseTimeoutMs: attemptTimeoutMs,
  };
}

/** When the last attempt begins, by Temporal's rules, if all attempts of the step fail after `attemptMs`. */
function lastAttemptAt(luck: () => number, attemptMs: number): number {
  for (let elapsedMs = 0; ;) {
    const nextMs = elapsedMs + attemptMs + paymentRetryDelayMs(attemptAt(elapsedMs), luck);
    // Temporal drops a wait that would end after the budget.
    if (nextMs > budgetMs) return elapsedMs;
    elapsedMs = nextMs;
  }
}

const SCHEDULE_MS = PAYMENT_RETRY_DELAYS_MS.reduce((sum, delayMs) => sum + delayMs, 0);

afterEach(() => vi.restoreAllMocks());

it.each([
  ['none longer', () => 0],
  ['every one at its longest', () => 0.999_999],
])('The waits of a payment are all waited for, with %s, whether attempts fail at once or by their limit', (_, luck) => {
  for (const attemptMs of [0, 20, attemptTimeoutMs]) {
    expect(lastAttemptAt(luck, attemptMs)).toBeGreaterThanOrEqual(SCHEDULE_MS);
  }
});

it('The waits of a payment are all waited for with every random jitter', () => {
  for (let round = 0; round < 1_000; round += 1) {
    const attemptMs = Math.random() * attemptTimeoutMs;
    expect(lastAttemptAt(Math.random, attemptMs)).toBeGreaterThanOrEqual(SCHEDULE_MS);
  }
});

it('The waits of a payment are made shorter where the budget would drop them: a step that was woken late is tried to its end', () => {
  const atMs = 700_000;
  const delayMs = paymentRetryDelayMs(attemptAt(atMs));
  expect(delayMs).toBe(budgetMs - atMs - 2 * attemptTimeoutMs);
});

it.each([
  ['a minute and a half ahead', 90_000],
  ['90 minutes ahead', 90 * 60_000],
  ['a day behind', -24 * 3_600_000],
])("The waits of a payment do not depend on the worker's clock: %s", (_, offsetMs) => {
  const now = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => now + offsetMs);
  expect(paymentRetryDelayMs(attemptAt(0), () => 0)).toBe(1_000);
  expect(paymentRetryDelayMs(attemptAt(40_000), () => 0)).toBe(120_000);
});
