import { within } from '../../runtime/deadline.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** Whether each dependency answered the last time. */
export type DependencyMonitor = Sampler<Readonly<Record<'database' | 'payment_gateway' | 'mail', boolean>>>;

export interface DependencyMonitorDeps {
  readonly databases: { ping(): Promise<void> };
  readonly paymentGateway: { ping(signal: AbortSignal): Promise<unknown> };
  readonly mail: { ping(): Promise<unknown> };
}

/** An alert within a minute needs two samples before. A provider that counts requests is asked four times a minute. */
const SAMPLE_INTERVAL_MS = 15_000;

/** A dependency that takes longer than this is away, whatever it answers later. */
const ANSWER_WITHIN_MS = 2_000;

/** Asks each dependency in the background; until the first answers all of them count as up. */
export function createDependencyMonitor({ databases, paymentGateway, mail }: DependencyMonitorDeps): DependencyMonitor {
  return createSampler(SAMPLE_INTERVAL_MS, { database: true, payment_gateway: true, mail: true }, async () => {
    const [database, gateway, sending] = await Promise.all([
      answers(databases.ping()),
      answers(paymentGateway.ping(AbortSignal.timeout(ANSWER_WITHIN_MS))),
      answers(mail.ping()),
    ]);
    return { database, payment_gateway: gateway, mail: sending };
  });
}

function answers(asking: Promise<unknown>): Promise<boolean> {
  return within(ANSWER_WITHIN_MS, asking).then(
    () => true,
    () => false,
  );
}
