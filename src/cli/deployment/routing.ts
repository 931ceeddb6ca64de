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
 * @returns 1 when the change is not in effect in time.
 * @throws the refusal when the build's workers do not register in time.
 */
export async function setCurrent(
  tools: RoutingTools,
  buildId: string | null,
  { waitMs, isForced }: { readonly waitMs: number; readonly isForced: boolean },
): Promise<number> {
  await whenRegistered(tools, waitMs, () => tools.deployment.setCurrent(buildId, isForced));
  return showWhenInEffect(tools);
}

/**
 * Sends a share of new orders to a build.
 * @returns 1 when the change is not in effect in time.
 * @throws the refusal when the build's workers do not register in time.
 */
export async function ramp(
  tools: RoutingTools,
  buildId: string,
  { waitMs, percent }: { readonly waitMs: number; readonly percent: number },
): Promise<number> {
  await whenRegistered(tools, waitMs, () => tools.deployment.ramp(buildId, percent));
  return showWhenInEffect(tools);
}

/** Workers need a second or two after their start, and task queues to hear of a change. */
const LOOK_EVERY_MS = 500;

/** Temporal takes a second; a server whose hosts do not hear each other takes for ever. */
const IN_EFFECT_WITHIN_MS = 30_000;

/**
 * Temporal answers a change before its task queues know it: an order of the next moment may still go to the build of
 * before. An operator who reads "done" stops that build's workers, or expects the next order on the new one.
 */
async function showWhenInEffect(tools: RoutingTools): Promise<number> {
  const deadline = performance.now() + IN_EFFECT_WITHIN_MS;
  while ((await tools.deployment.read())?.isInEffect === false) {
    if (performance.now() >= deadline) {
      tools.tell('Temporal has the change, and not all of its task queues: new orders may still go where they went');
      return 1;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return showStatus(tools);
}

/**
 * Repeats a change that is refused while workers are missing.
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
