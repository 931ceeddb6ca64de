import { openContext } from '../../../src/composition/resources.ts';
import { composeActivities, startWorker } from '../../../src/composition/workers.ts';
import { loadConfig } from '../../../src/config.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { createMetrics } from '../../../src/runtime/metrics/metrics.ts';
import { installTemporalRuntime } from '../../../src/temporal/runtime.ts';
import { createFaults, givenUp, type ActivityName, type Fault, type Faults } from '../faults/faults.ts';

/** The point of an order at which the worker dies. */
export interface CrashPoint {
  readonly orderId: string;
  /** The activity's effect has happened, and the workflow has not got its answer. */
  readonly activity: ActivityName;
  /** The order is given up although it was charged, so that there is a payment to undo. */
  readonly isGivenUp: boolean;
}

/**
 * A worker process that ends by SIGKILL in the moment when every order of `CRASH_PLAN` (a JSON list of crash points) is
 * right after its effect. One process serves all points, because each kill costs a task's timeout.
 */
async function run(): Promise<void> {
  const plan = JSON.parse(process.env['CRASH_PLAN'] ?? '[]') as readonly CrashPoint[];
  const config = loadConfig(process.env);
  const logger = createLogger({ level: config.logLevel, service: 'crashing-worker' });
  installTemporalRuntime(logger, null);
  const context = openContext(config, logger, createMetrics('crashing-worker'));
  const worker = await startWorker(context, { activities: faultsOf(plan).wrap(composeActivities(context)) });
  await worker.finished;
}

function faultsOf(plan: readonly CrashPoint[]): Faults {
  const faults = createFaults();
  const standing = new Set<string>();
  const crash: Fault = async (effect, { orderId }) => {
    await effect();
    standing.add(orderId);
    if (standing.size === plan.length) process.kill(process.pid, 'SIGKILL');
    // A further attempt ends here, too: no workflow gets the answer from this process.
    return new Promise<never>(() => {});
  };
  for (const { orderId, activity, isGivenUp } of plan) {
    if (isGivenUp) faults.inject(orderId, 'takePayment', givenUp());
    faults.inject(orderId, activity, crash);
  }
  return faults;
}

await run();
