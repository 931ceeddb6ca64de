import type { Client, Connection } from '@temporalio/client';
import { callWithin } from '../../temporal/calls.ts';
import { unservedQueues } from '../../temporal/task-queues.ts';

/** A build of the workers, as Temporal knows it. */
export interface DeployedBuild {
  readonly buildId: string;
  /** `inactive`: it has never got work. `draining`: it gets no new orders and may still have old ones. */
  readonly state: 'current' | 'ramping' | 'draining' | 'inactive';
  /** Share of new orders in percent while it is ramping; else null. */
  readonly percent: number | null;
  /** When it last stopped getting new orders, RFC 3339; null while it gets them, or never did. */
  readonly drainingSince: string | null;
  /** Open workflows that end on this build: orders, their commands and notices. Temporal's list lags by a second or two. */
  readonly openOrders: number;
}

/** The builds of a deployment, newest first, and what gets new orders. */
export interface DeploymentState {
  readonly name: string;
  /** The build that new orders go to; null when they go to unversioned workers. */
  readonly current: string | null;
  readonly builds: readonly DeployedBuild[];
  /** Open workflows that no build has carried yet; the current one gets them at their next task. */
  readonly unversioned: number;
  /** False while some of Temporal's task queues still send new orders where they went before the last change. */
  readonly isInEffect: boolean;
}

/** The deployment of the workers in Temporal: which of its builds gets new orders, and what the others still have. */
export interface WorkerDeployment {
  /** Null when no versioned worker has registered yet. */
  read(): Promise<DeploymentState | null>;
  /**
   * Sends new orders to a build, or to unversioned workers (null). Rejects while no worker of the build has registered,
   * or none for a queue that the present workers serve.
   */
  setCurrent(buildId: string | null, isForced: boolean): Promise<void>;
  /** Sends a share of new orders to a build; 0 ends that. Rejects as `setCurrent` does. */
  ramp(buildId: string, percent: number): Promise<void>;
  /** Ids of the open workflows that end on a build, at most 1,000. */
  listOpen(buildId: string): Promise<string[]>;
  /** Has a workflow continued by another build from its next task on. */
  move(workflowId: string, toBuildId: string): Promise<void>;
}

const ANSWER_WITHIN_MS = 10_000;
const LISTED_MAX = 1_000;

/** Temporal's number for "pinned" in an override. */
const PINNED = 1;

/** Temporal's number for a change of the routing that has not reached every partition of every task queue. */
const UPDATE_IN_PROGRESS = 1;

export function createWorkerDeployment(client: Client, name: string): WorkerDeployment {
  const { namespace } = client.options;
  const connection = client.connection as Connection;
  const service = connection.workflowService;
  const call = <Answer>(ask: () => Promise<Answer>): Promise<Answer> => callWithin(ANSWER_WITHIN_MS, connection, ask);
  const about = { namespace, deploymentName: name, identity: 'npm run deployment' };
  const describe = async () => {
    try {
      const found = await call(() => service.describeWorkerDeployment({ namespace, deploymentName: name }));
      return found.workerDeploymentInfo ?? null;
    } catch (error) {
      if (isStatus(error, NOT_FOUND)) return null;
      throw error;
    }
  };
  const checkQueues = async (buildId: string): Promise<void> => {
    const queues = await call(() => unservedQueues(connection, namespace, { deploymentName: name, buildId }));
    if (queues.length > 0) throw new MissingWorkersError(`no worker of ${buildId} serves ${queues.join(', ')} yet`);
  };
  return {
    read: async () => {
      const info = await describe();
      if (info === null) return null;
      const routing = routingOf(info);
      const builds = (info.versionSummaries ?? []).map(async (summary) => {
        const build = buildOf(summary, routing);
        return { ...build, openOrders: await call(() => countOf(client, pinnedTo(name, build.buildId))) };
      });
      const unversioned = await call(() => countOf(client, UNVERSIONED));
      const isInEffect = info.routingConfigUpdateState !== UPDATE_IN_PROGRESS;
      return { name, current: routing.current, builds: await Promise.all(builds), unversioned, isInEffect };
    },
    setCurrent: async (buildId, isForced) => {
      const version = { buildId: buildId ?? '', version: buildId === null ? '__unversioned__' : `${name}.${buildId}` };
      const force = { ignoreMissingTaskQueues: isForced };
      if (buildId !== null && !isForced) await checkQueues(buildId);
      await call(() => service.setWorkerDeploymentCurrentVersion({ ...about, ...version, ...force }));
    },
    ramp: async (buildId, percentage) => {
      if (percentage > 0) await checkQueues(buildId);
      const version = percentage === 0 ? { buildId: '', version: '' } : { buildId, version: `${name}.${buildId}` };
      await call(() => service.setWorkerDeploymentRampingVersion({ ...about, ...version, percentage }));
    },
    listOpen: async (buildId) => {
      const ids: string[] = [];
      for await (const { workflowId } of client.workflow.list({ query: pinnedTo(name, buildId) })) {
        ids.push(workflowId);
        if (ids.length === LISTED_MAX) break;
      }
      return ids;
    },
    move: async (workflowId, toBuildId) => {
      const version = { deploymentName: name, buildId: toBuildId };
      await call(() =>
        service.updateWorkflowExecutionOptions({
          namespace,
          workflowExecution: { workflowId },
          workflowExecutionOptions: { versioningOverride: { pinned: { behavior: PINNED, version } } },
          updateMask: { paths: ['versioning_override'] },
        }),
      );
    },
  };
}

/** gRPC's `NOT_FOUND` and `FAILED_PRECONDITION`. */
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

function isStatus(error: unknown, code: number): error is Error & { readonly details?: string } {
  return error instanceof Error && 'code' in error && error.code === code;
}

class MissingWorkersError extends Error {}

/** Why a change is refused because a build or its workers are not there (yet); null for any other error. */
export function missingWorkers(error: unknown): string | null {
  if (error instanceof MissingWorkersError) return error.message;
  if (!isStatus(error, NOT_FOUND) && !isStatus(error, FAILED_PRECONDITION)) return null;
  return error.details ?? error.message;
}

type Info = NonNullable<
  Awaited<ReturnType<Connection['workflowService']['describeWorkerDeployment']>>['workerDeploymentInfo']
>;

function routingOf({ routingConfig }: Info) {
  const percent = routingConfig?.rampingVersionPercentage ?? 0;
  return {
    current: routingConfig?.currentDeploymentVersion?.buildId ?? null,
    ramping: percent > 0 ? (routingConfig?.rampingDeploymentVersion?.buildId ?? null) : null,
    percent,
  };
}

function buildOf(
  { deploymentVersion, lastDeactivationTime, firstActivationTime }: NonNullable<Info['versionSummaries']>[number],
  { current, ramping, percent }: ReturnType<typeof routingOf>,
): Omit<DeployedBuild, 'openOrders'> {
  const buildId = deploymentVersion?.buildId ?? '';
  const still = { buildId, percent: null, drainingSince: null };
  if (buildId === current) return { ...still, state: 'current' };
  if (buildId === ramping) return { ...still, state: 'ramping', percent };
  if (firstActivationTime == null) return { ...still, state: 'inactive' };
  return { ...still, state: 'draining', drainingSince: instantOf(lastDeactivationTime?.seconds) };
}

const UNVERSIONED = "TemporalWorkerDeploymentVersion IS NULL AND ExecutionStatus = 'Running'";

/** Neither name may hold a quote: the settings and the command line check that. */
function pinnedTo(name: string, buildId: string): string {
  const version = `TemporalWorkerDeploymentVersion = '${name}:${buildId}'`;
  return `${version} AND TemporalWorkflowVersioningBehavior = 'Pinned' AND ExecutionStatus = 'Running'`;
}

async function countOf(client: Client, query: string): Promise<number> {
  return (await client.workflow.count(query)).count;
}

function instantOf(seconds: unknown): string | null {
  return seconds == null ? null : new Date(Number(seconds) * 1_000).toISOString();
}
