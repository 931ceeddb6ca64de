import type { CommandRepository } from '../../../db/repositories/orders/command-repository.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../../runtime/background-loop.ts';

/** How many commands own an order, and how long the most quiet one has, sampled in the background for the metrics. */
export interface CommandMonitor extends BackgroundLoop {
  open(this: void): number;
  oldestSeconds(this: void): number;
}

/** The sweep looks every 30 s: a sample that is twice as new shows what it leaves. */
const SAMPLE_INTERVAL_MS = 15_000;

/** Samples the commands of all tenants. */
export function createCommandMonitor(commands: Pick<CommandRepository, 'owning'>): CommandMonitor {
  let last = { count: 0, oldestSeconds: 0 };
  const sample = async (): Promise<void> => {
    // A sample that fails keeps the last one: PostgreSQL being away is told by readiness.
    last = await commands.owning().catch(() => last);
  };
  return {
    open: () => last.count,
    oldestSeconds: () => last.oldestSeconds,
    ...createBackgroundLoop(SAMPLE_INTERVAL_MS, sample),
  };
}
