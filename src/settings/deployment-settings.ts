import { z } from 'zod';
import { ConfigError, present, problemsOf } from './config-error.ts';
import { productionTemporalProblems } from './production-rules.ts';
import { TEMPORAL_VARIABLES, temporalContradictions, temporalOf } from './temporal-settings.ts';

/** Temporal joins both names to one by a colon, and refuses a dot in the first. */
const deploymentName = z
  .string()
  .regex(/^[\w/-]{1,100}$/, 'must be up to 100 letters, digits, hyphens, underscores and slashes');
const buildId = z
  .string()
  .regex(/^[\w.+-]{1,100}$/, 'must be up to 100 letters, digits, dots, hyphens, underscores and plus signs');

/** Variables of worker versioning, under the names that Temporal's Worker Controller sets. */
export const DEPLOYMENT_VARIABLES = {
  TEMPORAL_DEPLOYMENT_NAME: deploymentName.optional(),
  TEMPORAL_WORKER_BUILD_ID: buildId.optional(),
} as const;

const deploymentVariables = z.object(DEPLOYMENT_VARIABLES);

/** A build without the name of its deployment would be an unversioned worker, which takes the orders of every build. */
export function deploymentContradictions(given: Readonly<Record<string, unknown>>): string[] {
  const isNamed = given['TEMPORAL_DEPLOYMENT_NAME'] !== undefined;
  if (isNamed === (given['TEMPORAL_WORKER_BUILD_ID'] !== undefined)) return [];
  return ['TEMPORAL_DEPLOYMENT_NAME, TEMPORAL_WORKER_BUILD_ID: one is of no use without the other'];
}

/** The deployment that this process belongs to, and its build; null when workers are not versioned. */
export function deploymentOf(env: z.output<typeof deploymentVariables>) {
  const { TEMPORAL_DEPLOYMENT_NAME: name, TEMPORAL_WORKER_BUILD_ID: buildId } = env;
  return name === undefined || buildId === undefined ? null : { name, buildId };
}

/** Names that the settings would accept; the command line has them from its words. */
export const isDeploymentName = (name: string): boolean => deploymentName.safeParse(name).success;
export const isBuildId = (id: string): boolean => buildId.safeParse(id).success;

const routingVariables = z.object({
  ...TEMPORAL_VARIABLES,
  ...DEPLOYMENT_VARIABLES,
  WORKFLOW_BUNDLE: z.string().default('dist/workflow-bundle.js'),
});

/**
 * Reads what a program needs that moves orders between builds: Temporal's address and the names of the deployment. Such
 * a program runs in pipelines, which have no business with the secrets of the service.
 * @throws {ConfigError} that lists every problem at once.
 */
export function loadRoutingConfig(env: Readonly<Record<string, string | undefined>>) {
  const given = present(env);
  const parsed = routingVariables.safeParse(given);
  const problems = [...temporalContradictions(given), ...productionTemporalProblems(given)];
  if (!parsed.success || problems.length > 0) throw new ConfigError([...problemsOf(parsed.error, given), ...problems]);
  const { TEMPORAL_DEPLOYMENT_NAME: name, TEMPORAL_WORKER_BUILD_ID: ownBuildId, WORKFLOW_BUNDLE } = parsed.data;
  const deployment = { name: name ?? null, ownBuildId: ownBuildId ?? null };
  return { temporal: temporalOf(parsed.data), deployment, bundlePath: WORKFLOW_BUNDLE };
}
