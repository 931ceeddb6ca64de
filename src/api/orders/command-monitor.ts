import type { CommandRepository } from '../../../db/repositories/orders/command-repository.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** The number of commands that own an order, and how long the quietest order has been quiet. */
export type CommandMonitor = Sampler<{ readonly count: number; readonly oldestSeconds: number }>;

/** The sweep looks every 30 s, so samples that are twice as frequent show the commands that it leaves. */
const SAMPLE_INTERVAL_MS = 15_000;

/** Samples the commands of all tenants. */
export function createCommandMonitor(commands: Pick<CommandRepository, 'owning'>): CommandMonitor {
  return createSampler(SAMPLE_INTERVAL_MS, { count: 0, oldestSeconds: 0 }, () => commands.owning());
}
