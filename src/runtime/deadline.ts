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

/** The part of Temporal's client that calls need here. */
export interface DeadlineClient {
  withDeadline<Result>(deadline: number, call: () => Promise<Result>): Promise<Result>;
}

/**
 * Calls Temporal over a plain connection within a time, and ends the SDK's own retries with it: left alone they go
 * on for a minute, so an order that was refused with 503 could still be started when Temporal comes back.
 */
export function callWithin<Result>(
  limitMs: number,
  client: DeadlineClient,
  call: () => Promise<Result>,
): Promise<Result> {
  return within(limitMs, client.withDeadline(Date.now() + limitMs, call));
}
