/**
 * The second argument of a step's regular activity: its worker then tells with the answer which attempt it was. Temporal
 * keeps that number from the workflow. A worker that does not know the argument answers plainly.
 */
export const TELL_ATTEMPT = { tellAttempt: true } as const;

/** The answer of a step, with the number of its attempt, counted from 1. */
export interface ToldAnswer {
  readonly toldAttempt: number;
  readonly answer?: unknown;
}

/** Whether the arguments of an activity ask for the number of the attempt. */
export function asksForAttempt(args: readonly unknown[]): boolean {
  const [, wish] = args as readonly [unknown, Partial<typeof TELL_ATTEMPT>?];
  return wish?.tellAttempt === true;
}

/** An answer as it came, with the number of its attempt: 1 when the worker did not tell. */
export function toldAnswerOf(result: unknown): ToldAnswer {
  const isTold = typeof result === 'object' && result !== null && 'toldAttempt' in result;
  return isTold ? (result as ToldAnswer) : { toldAttempt: 1, answer: result };
}
