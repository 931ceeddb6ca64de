import type { Client, Connection } from '@temporalio/client';
import { createBackgroundLoop, type BackgroundLoop } from '../runtime/background-loop.ts';
import { callWithin } from './calls.ts';

/** Whether Temporal answers, according to a check that runs all the time. */
export interface TemporalHealth extends BackgroundLoop {
  /** False only after two failed checks in a row: one slow answer on a busy machine is no outage. */
  isUp(): boolean;
  /** Whether a check was answered in the last `ms` milliseconds. */
  answeredWithin(ms: number): boolean;
}

const CHECK_INTERVAL_MS = 1_000;

/** Each check races with our own timer, because deadlines do not fire when the server is frozen. */
const CHECK_TIMEOUT_MS = 1_500;

const FAILURES_UNTIL_DOWN = 2;

/** Watches Temporal's frontend. A stopped or frozen frontend is known to be down within about 5 s. */
export function createTemporalHealth(client: Client): TemporalHealth {
  let failures = 0;
  let answeredAt = 0;
  const check = async (): Promise<void> => {
    const { healthService } = client.connection as Connection;
    try {
      await callWithin(CHECK_TIMEOUT_MS, client, () =>
        healthService.check({ service: 'temporal.api.workflowservice.v1.WorkflowService' }),
      );
      failures = 0;
      answeredAt = Date.now();
    } catch {
      failures += 1;
    }
  };
  return {
    isUp: () => failures < FAILURES_UNTIL_DOWN,
    answeredWithin: (ms) => Date.now() - answeredAt <= ms,
    ...createBackgroundLoop(CHECK_INTERVAL_MS, check),
  };
}
