import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../../runtime/deadline.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** Whether each dependency answered the last time. */
export type DependencyMonitor = Sampler<Readonly<Record<'database' | 'payment_gateway' | 'mail', boolean>>>;

export interface DependencyMonitorDeps {
  readonly databases: { ping(): Promise<void> };
  readonly paymentGateway: { ping(signal: AbortSignal): Promise<unknown>; answeredWithin(ms: number): boolean };
  readonly mail: { ping(): Promise<unknown> };
  /** Other times in tests. */
  readonly times?: Times;
}

interface Times {
  readonly intervalMs: number;
  readonly answerWithinMs: number;
  readonly secondAskMs: number;
}

/**
 * An alert within a minute leaves 25 s to notice: 20 s until the next sample, and 5 s for two questions. (Scraping and
 * evaluating take up to 15 s each.) A dependency that takes longer than 2 s is away, whatever it answers later. It is
 * asked a second time, because one lost answer is no outage.
 */
const TIMES: Times = { intervalMs: 20_000, answerWithinMs: 2_000, secondAskMs: 1_000 };

/**
 * Asks each dependency in the background; until the first answer all of them count as up. A payment provider counts
 * the requests of its clients, so it is not asked while it answers calls of this process: a process that takes payments
 * sends no question, and one that takes none sends three a minute.
 */
export function createDependencyMonitor(deps: DependencyMonitorDeps): DependencyMonitor {
  const { databases, paymentGateway, mail, times = TIMES } = deps;
  const answers = async (ask: () => Promise<unknown>): Promise<boolean> => {
    if (await answersOnce(ask, times)) return true;
    await sleep(times.secondAskMs, undefined, { ref: false });
    return answersOnce(ask, times);
  };
  const gatewayAnswers = async (): Promise<boolean> =>
    paymentGateway.answeredWithin(times.intervalMs) ||
    answers(() => paymentGateway.ping(AbortSignal.timeout(times.answerWithinMs)));
  return createSampler(times.intervalMs, { database: true, payment_gateway: true, mail: true }, async () => {
    const [database, payment_gateway, sending] = await Promise.all([
      answers(() => databases.ping()),
      gatewayAnswers(),
      answers(() => mail.ping()),
    ]);
    return { database, payment_gateway, mail: sending };
  });
}

function answersOnce(ask: () => Promise<unknown>, { answerWithinMs }: Times): Promise<boolean> {
  return within(answerWithinMs, ask()).then(
    () => true,
    () => false,
  );
}
