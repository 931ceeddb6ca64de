/** The time given to an operation is over; it is unknown whether the operation happened. */
export class DeadlineExceededError extends Error {}

/**
 * Races a promise against a timer. A promise that loses is ignored, and its late failure is not an unhandled rejection.
 */
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
