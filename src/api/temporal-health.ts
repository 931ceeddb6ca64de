import type { Client, Connection } from '@temporalio/client';

/** Whether Temporal answers, as seen by a check that runs all the time. */
export interface TemporalHealth {
  /** False only after two checks in a row failed: one slow answer on a busy machine is no outage. */
  isUp(): boolean;
  start(): void;
  stop(): void;
}

const CHECK_INTERVAL_MS = 1_000;

/** Each check is raced with our own timer: deadlines are not kept when the server is frozen. */
const CHECK_TIMEOUT_MS = 1_500;

const FAILURES_UNTIL_DOWN = 2;

/** Watches Temporal's frontend: stopped or frozen, it is known to be down within about 5 s. */
export function createTemporalHealth(client: Client): TemporalHealth {
  let failures = 0;
  let timer: NodeJS.Timeout | null = null;
  const check = async (): Promise<void> => {
    const { healthService } = client.connection as Connection;
    try {
      await callWithin(CHECK_TIMEOUT_MS, client, () =>
        healthService.check({ service: 'temporal.api.workflowservice.v1.WorkflowService' }),
      );
      failures = 0;
    } catch {
      failures += 1;
    }
  };
  const loop = async (): Promise<void> => {
    await check();
    if (timer !== null) timer = setTimeout(() => void loop(), CHECK_INTERVAL_MS).unref();
  };
  return {
    isUp: () => failures < FAILURES_UNTIL_DOWN,
    start: () => {
      timer ??= setTimeout(() => void loop(), 0).unref();
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

/**
 * Calls Temporal over a plain connection within a time, and ends the SDK's own retries with it: left alone they go
 * on for a minute, so an order that was refused with 503 could still be started when Temporal comes back.
 */
export function callWithin<Result>(limitMs: number, client: Client, call: () => Promise<Result>): Promise<Result> {
  return within(limitMs, client.withDeadline(Date.now() + limitMs, call));
}

/** The time given to an operation is over; whether it happened is not known. */
export class DeadlineExceededError extends Error {}

/** Races a promise with a timer; the loser is left alone, its late failure is not an unhandled rejection. */
export async function within<Result>(limitMs: number, operation: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceededError(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([operation, deadline]);
  } finally {
    clearTimeout(timer);
    operation.catch(() => {});
  }
}
