import type { Cleanup } from '../cleanup.ts';
import { startEnvironment, type Environment } from '../environment.ts';
import { isSound, judgeLog } from '../events/log-reader.ts';
import { alignColumns, describeRun } from '../report.ts';
import { writeJson } from '../write-report.ts';
import { besideNeighbor, type QuietSeen } from './noisy-tenant.ts';
import type { LoadTestOptions } from './options.ts';
import { measureCapacity, overload, type Capacity, type Load, type OverloadResult } from './overload-phases.ts';
import {
  overloadTable,
  overloadTargets,
  tenantTargets,
  type OverloadPartResult,
  type TenantPartResult,
} from './overload-report.ts';
import { findingsOf, withScene, type Scene } from './scene.ts';
import { targetRows } from './targets.ts';

/** Capacity may change while the machine does: it is measured this often, and for this long at most. */
const CAPACITY_SECONDS_MAX = 30;

const WARM_UP_SECONDS_MAX = 15;

/** Runs the parts; resolves with whether every target was met. */
export async function runOverload(
  options: LoadTestOptions,
  cleanup: Cleanup,
  log: (line: string) => void,
): Promise<boolean> {
  const environment = await startEnvironment(cleanup, log);
  const context = { environment, options, cleanup, log };
  const parts: OverloadPartResult[] = [];
  for (const what of ['orders', 'events'] as const) {
    if (options.parts.has(what)) parts.push(await runPart(context, what));
  }
  const tenants = options.parts.has('tenants') ? await runTenants(context) : null;
  const report = { job: 'overload', seconds: options.seconds, ...(await describeRun(environment)), parts, tenants };
  await writeJson(report, options.out);
  const rows = [
    ...parts.flatMap(({ what, targets }) => targetRows(what, targets)),
    ...(tenants === null ? [] : targetRows('tenants', tenants.targets)),
  ];
  const verdicts = alignColumns([['part', 'target', 'measured', 'limit', 'verdict'], ...rows]);
  process.stdout.write(`\n${overloadTable(parts)}\n\n${verdicts}\n`);
  return rows.every((row) => row.at(-1) === 'met');
}

interface Context {
  readonly environment: Environment;
  readonly options: LoadTestOptions;
  readonly cleanup: Cleanup;
  readonly log: (line: string) => void;
}

function runPart({ environment, options, cleanup, log }: Context, what: Load): Promise<OverloadPartResult> {
  const scene = { name: `overload-${what}`, env: options.env, log, outer: cleanup };
  return withScene(environment, scene, async (running) => {
    await warmUp(running, what, options.seconds);
    const seconds = Math.min(CAPACITY_SECONDS_MAX, options.seconds);
    const capacities = [await measured(running, what, seconds)];
    const overloads: OverloadResult[] = [];
    for (const factor of options.factors) {
      const capacity = capacities.at(-1) ?? missing();
      const result = await overload(running, { what, factor, seconds: options.seconds, capacity });
      overloads.push(result);
      log(`${what} at ${factor}x: ${result.goodputPerSecond.toFixed(1)} accepted and done per second`);
      capacities.push(await measured(running, what, seconds));
    }
    const findings = what === 'events' ? await logFindings(running) : await findingsOf(running);
    return { what, capacities, overloads, findings, targets: overloadTargets({ capacities, overloads, findings }) };
  });
}

function missing(): never {
  throw new RangeError('the capacity was not measured');
}

async function measured(scene: Scene, what: Load, seconds: number): Promise<Capacity> {
  const capacity = await measureCapacity(scene, what, seconds);
  scene.log(`${what}: ${capacity.perSecond.toFixed(1)} per second in a closed loop`);
  return capacity;
}

async function warmUp(scene: Scene, what: Load, seconds: number): Promise<void> {
  await measureCapacity(scene, what, Math.min(WARM_UP_SECONDS_MAX, seconds));
}

async function logFindings({ app }: Scene): Promise<readonly string[]> {
  const verdict = await judgeLog(app);
  return isSound(verdict) ? [] : [`the log is not sound: ${JSON.stringify(verdict)}`];
}

/** The share of the capacity that one tenant may use in this test. */
const TENANT_SHARE = 0.3;

/** The quiet tenant's share of the capacity. */
const QUIET_SHARE = 0.1;

async function runTenants(context: Context): Promise<TenantPartResult> {
  const { environment, options, cleanup, log } = context;
  const seconds = Math.min(CAPACITY_SECONDS_MAX, options.seconds);
  const capacity = await withScene(
    environment,
    { name: 'tenants-capacity', env: options.env, log, outer: cleanup },
    async (scene) => {
      await warmUp(scene, 'orders', options.seconds);
      return measured(scene, 'orders', seconds);
    },
  );
  const limit = Math.max(1, Math.round(capacity.perSecond * TENANT_SHARE));
  const env = { ...options.env, RATE_LIMIT_PER_SECOND: String(limit) };
  return withScene(environment, { name: 'tenants', env, log, outer: cleanup }, async (scene) => {
    const quietPerSecond = Math.max(1, capacity.perSecond * QUIET_SHARE);
    const beside = (noisyPerSecond: number, forSeconds = options.seconds): Promise<QuietSeen> =>
      besideNeighbor(scene, { quietPerSecond, noisyPerSecond, seconds: forSeconds });
    await beside(limit * 0.8, Math.min(WARM_UP_SECONDS_MAX, options.seconds));
    const alone = await beside(IDLE_PER_SECOND);
    const usual = await beside(limit);
    const noisy = await beside(limit * 10);
    for (const seen of [alone, usual, noisy]) log(quietLine(seen));
    const findings = await findingsOf(scene);
    const results = { alone, beside: [usual, noisy], findings };
    return { neighborLimitPerSecond: limit, ...results, targets: tenantTargets({ alone, usual, noisy, findings }) };
  });
}

/** A neighbor that hardly does anything, so that all rounds have the same processes. */
const IDLE_PER_SECOND = 0.2;

function quietLine({ neighborPostsPerSecond, neighborAccepted, neighborRefused, accept, endToEnd }: QuietSeen): string {
  const [p95, whole] = [accept.p95.toFixed(0), endToEnd.p95.toFixed(0)];
  return `beside ${neighborPostsPerSecond.toFixed(1)}/s (${neighborAccepted} accepted, ${neighborRefused} refused): p95 accept ${p95} ms, end to end ${whole} ms`;
}
