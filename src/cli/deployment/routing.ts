import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { WorkflowCode } from '../../temporal/worker-host.ts';
import type { Tables } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import {
  missingWorkers,
  type DeployedBuild,
  type DeploymentState,
  type WorkerDeployment,
} from './worker-deployment.ts';

/** The tools of a command about a deployment. */
export interface RoutingTools extends Pick<Terminal, 'print' | 'tell'> {
  readonly client: Client;
  readonly deployment: WorkerDeployment;
  readonly name: string;
  /** The build that this program belongs to; null when it is not said. */
  readonly ownBuildId: string | null;
  /** The workflow code of this program's build. */
  readonly code: WorkflowCode;
  readonly isJson: boolean;
  readonly tables: Tables;
}

/**
 * Prints the builds of a deployment.
 * @returns 1 when there is no deployment of this name.
 */
export async function showStatus(tools: RoutingTools): Promise<number> {
  const state = await tools.deployment.read();
  if (state === null) {
    tools.tell(`no versioned worker of the deployment ${tools.name} has registered yet`);
    return 1;
  }
  tools.print(tools.isJson ? JSON.stringify(state, null, 2) : statusText(state, tools.tables));
  return 0;
}

function statusText({ name, current, builds, unversioned }: DeploymentState, { table }: Tables): string {
  const rows = builds.map((build) => [build.buildId, roleOf(build), build.openOrders, build.drainingSince]);
  return [
    table(['build', 'state', 'open orders', 'no new orders since'], rows),
    `New orders of ${name} go to ${current ?? 'workers without a build'}.`,
    ...(unversioned === 0 ? [] : [`${unversioned} open workflow(s) have no build; their next task goes there, too.`]),
  ].join('\n');
}

function roleOf({ state, percent, openOrders }: DeployedBuild): string {
  if (percent !== null) return `${state}, ${percent} %`;
  return state === 'draining' && openOrders === 0 ? 'drained' : state;
}

/**
 * Sends new orders to a build, or to unversioned workers (null).
 * @returns 1 when the build's workers do not register in time.
 */
export async function setCurrent(
  tools: RoutingTools,
  buildId: string | null,
  { waitMs, isForced }: { readonly waitMs: number; readonly isForced: boolean },
): Promise<number> {
  await whenRegistered(tools, waitMs, () => tools.deployment.setCurrent(buildId, isForced));
  return showStatus(tools);
}

/**
 * Sends a share of new orders to a build.
 * @returns 1 when the build's workers do not register in time.
 */
export async function ramp(
  tools: RoutingTools,
  buildId: string,
  { waitMs, percent }: { readonly waitMs: number; readonly percent: number },
): Promise<number> {
  await whenRegistered(tools, waitMs, () => tools.deployment.ramp(buildId, percent));
  return showStatus(tools);
}

/** Workers need a second or two after their start. */
const LOOK_EVERY_MS = 500;

/**
 * Repeats a change that Temporal refuses while workers are missing.
 * @throws the refusal when the time is over, and every other error at once.
 */
async function whenRegistered({ tell }: RoutingTools, waitMs: number, change: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (let isTold = false; ; isTold = true) {
    try {
      return await change();
    } catch (error) {
      const missing = missingWorkers(error);
      if (missing === null || performance.now() >= deadline) throw error;
      if (!isTold) tell(`waiting for up to ${waitMs / 1_000} s: ${missing}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}
