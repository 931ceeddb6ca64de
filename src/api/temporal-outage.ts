import { isNoAnswer } from '../temporal/calls.ts';
import type { TemporalHealth } from '../temporal/health.ts';
import { unavailable } from './http/problem.ts';

/** Refuses a request that needs Temporal before its first write. `consequence` says what was left undone. */
export function requireTemporal(health: TemporalHealth, consequence: string): void {
  if (!health.isUp()) throw unavailable(`Temporal does not answer; ${consequence}`);
}

/**
 * Answers 503 when Temporal does not answer a start. The start may have taken place, and a repeat under the same key
 * starts nothing twice.
 */
export async function requireTaken<Outcome>(what: string, start: Promise<Outcome>): Promise<Outcome> {
  try {
    return await start;
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    throw unavailable(`Temporal did not take the ${what}; repeat with the same Idempotency-Key`);
  }
}
