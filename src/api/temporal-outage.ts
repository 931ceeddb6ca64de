import { isNoAnswer } from '../temporal/calls.ts';
import type { TemporalHealth } from '../temporal/health.ts';
import { unavailable } from './http/problem.ts';

/**
 * Stands before the first write of a request that needs Temporal. `consequence` says what was left undone.
 * @throws {ProblemError} `unavailable` while Temporal is known to be down.
 */
export function requireTemporal(health: TemporalHealth, consequence: string): void {
  if (!health.isUp()) throw unavailable(`Temporal does not answer; ${consequence}`);
}

/**
 * Answers 503 when Temporal does not answer a start: it may have taken place, and a repeat under the same key starts
 * nothing twice.
 * @throws {ProblemError} `unavailable`.
 */
export async function requireTaken<Outcome>(what: string, start: Promise<Outcome>): Promise<Outcome> {
  try {
    return await start;
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    throw unavailable(`Temporal did not take the ${what}; repeat with the same Idempotency-Key`);
  }
}
