import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { fileOf, replayOn } from '../../temporal/worker-host.ts';
import type { RoutingTools } from './routing.ts';
import type { DeployedBuild } from './worker-deployment.ts';

const LOOK_EVERY_MS = 1_000;

/** Temporal's list lags by a second or two, and an order that was just started may not be on it yet. */
const LIST_LAG_MS = 10_000;

/** A workflow leaves its build's list when Temporal has stored where it goes. */
const MOVED_WITHIN_MS = 30_000;

/** More ids than these tell a person nothing. */
const SHOWN_MAX = 20;

/**
 * Waits until a build has no order left, and moves the rest to another build if one is named.
 * @returns 1 when the build still gets new orders, or still has old ones.
 */
export async function drain(
  tools: RoutingTools,
  buildId: string,
  { waitMs, moveTo }: { readonly waitMs: number; readonly moveTo: string | null },
): Promise<number> {
  if (moveTo !== null && !canReplay(tools, moveTo)) return 1;
  const left = await waitUntilDrained(tools, buildId, waitMs);
  if (left === null) return 1;
  if (left === 0 || moveTo === null) return conclude(tools, { buildId, left, kept: new Map() });
  const kept = await move(tools, buildId, moveTo);
  // What does not replay stays, so waiting for all of it would be in vain.
  const after = kept.size === 0 ? await waitUntilDrained(tools, buildId, MOVED_WITHIN_MS) : kept.size;
  return after === null ? 1 : conclude(tools, { buildId, left: after, kept });
}

/** Null when the build cannot drain, because it is not there or still gets new orders. */
async function waitUntilDrained(tools: RoutingTools, buildId: string, waitMs: number): Promise<number | null> {
  const deadline = performance.now() + waitMs;
  let emptySince: number | null = null;
  for (let told = -1; ;) {
    const build = await findBuild(tools, buildId);
    if (build === null) return null;
    const { openOrders } = build;
    emptySince = openOrders > 0 ? null : (emptySince ?? performance.now());
    if (emptySince !== null && (isLongDraining(build) || performance.now() - emptySince > LIST_LAG_MS)) return 0;
    if (openOrders > 0 && performance.now() >= deadline) return openOrders;
    if (openOrders !== told) tools.tell(`${openOrders} open on build ${buildId}`);
    told = openOrders;
    await sleep(LOOK_EVERY_MS);
  }
}

async function findBuild({ deployment, name, tell }: RoutingTools, buildId: string): Promise<DeployedBuild | null> {
  const state = await deployment.read();
  const build = state?.builds.find((each) => each.buildId === buildId);
  if (build === undefined) {
    tell(`the deployment ${name} has no build ${buildId}`);
    return null;
  }
  if (build.state === 'draining' || build.state === 'inactive') return build;
  tell(`build ${buildId} still gets new orders (${build.state}): set-current another one first`);
  return null;
}

function isLongDraining({ drainingSince }: DeployedBuild): boolean {
  return drainingSince === null || Date.now() - Date.parse(drainingSince) > LIST_LAG_MS;
}

/** Only the new build's own bundle says what it can continue. */
function canReplay({ ownBuildId, code, tell }: RoutingTools, moveTo: string): boolean {
  if (ownBuildId !== null && ownBuildId !== moveTo) {
    tell(
      `this program belongs to build ${ownBuildId} and has no workflow bundle of build ${moveTo}: run it from there`,
    );
    return false;
  }
  const bundle = fileOf(code);
  if (existsSync(bundle)) return true;
  tell(`there is no workflow bundle ${bundle}: make it by npm run bundle in the build ${moveTo}`);
  return false;
}

/** Has every open order of a build continued by another one, unless its history does not replay there. */
async function move({ client, deployment, code, tell }: RoutingTools, buildId: string, moveTo: string) {
  const ids = await deployment.listOpen(buildId);
  tell(`replaying ${ids.length} order(s) on ${fileOf(code)}`);
  const kept = await replayOn(code, historiesOf(client, ids));
  for (const workflowId of ids) if (!kept.has(workflowId)) await deployment.move(workflowId, moveTo);
  tell(`${ids.length - kept.size} moved to build ${moveTo}`);
  return kept;
}

async function* historiesOf(client: Client, workflowIds: readonly string[]) {
  for (const workflowId of workflowIds) {
    yield { workflowId, history: await client.workflow.getHandle(workflowId).fetchHistory() };
  }
}

interface Drained {
  readonly buildId: string;
  readonly left: number;
  /** Orders that cannot be continued by the other build, with the reasons. */
  readonly kept: ReadonlyMap<string, Error>;
}

async function conclude(tools: RoutingTools, { buildId, left, kept }: Drained): Promise<number> {
  const ids = left === 0 ? [] : await tools.deployment.listOpen(buildId);
  const reasonOf = (id: string): string | null => kept.get(id)?.message.split('\n')[0] ?? null;
  if (tools.isJson) {
    const open = ids.map((workflowId) => ({ workflowId, doesNotReplay: reasonOf(workflowId) }));
    tools.print(JSON.stringify({ buildId, drained: left === 0, open }, null, 2));
  } else if (left === 0) {
    tools.print(`Build ${buildId} is drained: its processes can be stopped.`);
  } else {
    const shown = ids.slice(0, SHOWN_MAX).map((id) => [id, reasonOf(id)]);
    tools.print(tools.tables.table(['open on this build', 'why it cannot be moved'], shown));
    tools.print(`Build ${buildId} still has ${left} order(s): keep one worker of it running.`);
  }
  return left === 0 ? 0 : 1;
}
