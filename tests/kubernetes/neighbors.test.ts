import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { isOperatorScope } from '../../src/api/access/operator-routes.ts';
import { VARIABLE_NAMES } from '../../src/config.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import type { Scope } from '../../src/domain/access/scopes.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { OVERLAYS, renderOverlay, type KubernetesDocument, type Overlay } from '../../tools/kubernetes/overlays.ts';
import { containerOf, ofKind, workloadsOf } from '../support/kubernetes/workloads.ts';

// What the overlays say to the gateway, to KEDA, to Prometheus and to the Worker Controller.

let rendered: Readonly<Record<Overlay, readonly KubernetesDocument[]>>;
beforeAll(async () => {
  const render = async (overlay: Overlay) => [overlay, (await renderOverlay(overlay)).documents] as const;
  rendered = Object.fromEntries(await Promise.all(OVERLAYS.map(render))) as typeof rendered;
}, 300_000);

const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');

function settingsOf(overlay: Overlay): Readonly<Record<string, string>> {
  const [settings] = ofKind(rendered[overlay], 'ConfigMap');
  return settings?.['data'] as Record<string, string>;
}

interface Operation {
  readonly path: string;
  readonly security?: readonly { readonly bearer?: readonly string[] }[];
}

/** All operations of the API. */
function operations(): Operation[] {
  const { paths } = JSON.parse(read('docs/openapi.json')) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ ...operation, path })),
  );
}

const scopesOf = ({ security = [] }: Operation): string[] => security.flatMap(({ bearer = [] }) => bearer);

/** Whether the gateway passes requests of a path on to the API. */
function isExposed(path: string): boolean {
  const route = ofKind(rendered.production, 'HTTPRoute').find(({ metadata }) => metadata.name === 'api');
  if (route === undefined) throw new RangeError('production has no route to the API');
  interface Match {
    readonly path: { readonly type: string; readonly value: string };
  }
  const { rules } = route['spec'] as { rules: readonly { matches: readonly Match[] }[] };
  return rules
    .flatMap(({ matches }) => matches)
    .some(({ path: { type, value } }) => type === 'PathPrefix' && `${path}/`.startsWith(`${value}/`));
}

it('The gateway passes on every operation of customers and of payment providers', () => {
  const ofCustomers = operations().filter((operation) => {
    const scopes = scopesOf(operation);
    if (scopes.length === 0) return operation.path.startsWith('/v1/');
    return !scopes.some((scope) => isOperatorScope(scope as Scope));
  });
  expect(ofCustomers.length).toBeGreaterThan(20);
  expect(ofCustomers.filter(({ path }) => !isExposed(path))).toEqual([]);
});

it('The gateway passes on no page without a token, and the API hides what operators have below the paths of customers', () => {
  const pages = operations().filter(
    (operation) => scopesOf(operation).length === 0 && !operation.path.startsWith('/v1/'),
  );
  expect(pages.map(({ path }) => path)).toContain('/metrics');
  const inside = [...pages.map(({ path }) => path), '/v1/cases', '/v1/console/stream', '/live', '/ready'];
  expect(inside.filter(isExposed)).toEqual([]);
  for (const overlay of ['production', 'cloud', 'worker-controller'] as const) {
    expect(settingsOf(overlay)['OPERATOR_ROUTES']).toBe('internal');
  }
});

interface Trigger {
  readonly type: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const triggersOf = (overlay: Overlay): Trigger[] =>
  ofKind(rendered[overlay], 'ScaledObject').flatMap((scaled) => (scaled['spec'] as { triggers: Trigger[] }).triggers);

it.each(['production', 'cloud'] as const)('KEDA asks the Temporal that the workers of %s poll', (overlay) => {
  const settings = settingsOf(overlay);
  const asked = triggersOf(overlay).filter(({ type }) => type === 'temporal');
  expect(asked).toHaveLength(1);
  for (const { metadata } of asked) {
    expect(metadata['endpoint']).toBe(settings['TEMPORAL_ADDRESS']);
    expect(metadata['namespace']).toBe(settings['TEMPORAL_NAMESPACE']);
    expect(TASK_QUEUES).toContain(metadata['taskQueue']);
    // Without it KEDA also asks for Nexus tasks, which no worker polls.
    expect(metadata['queueTypes']).toBe('workflow,activity');
  }
});

it('KEDA scales by a metric that docs/metrics.md describes', () => {
  const queries = triggersOf('production').flatMap(({ type, metadata }) =>
    type === 'prometheus' ? metadata['query'] : [],
  );
  expect(queries).toHaveLength(1);
  const [name = ''] = /[a-z]+(?:_[a-z]+)+/.exec(queries[0] ?? '') ?? [];
  expect(read('docs/metrics.md')).toContain(`\`${name}\``);
});

it('The Worker Controller connects to the Temporal of the settings', () => {
  const [connection] = ofKind(rendered['worker-controller'], 'Connection');
  const [deployment] = ofKind(rendered['worker-controller'], 'WorkerDeployment');
  const settings = settingsOf('worker-controller');
  expect(connection && (connection['spec'] as { hostPort: string }).hostPort).toBe(settings['TEMPORAL_ADDRESS']);
  const { workerOptions } = (deployment ?? {
    apiVersion: '',
    kind: '',
    metadata: { name: '' },
    spec: { workerOptions: {} },
  })['spec'] as { workerOptions: { connectionRef: unknown; temporalNamespace: string } };
  expect(workerOptions.temporalNamespace).toBe(settings['TEMPORAL_NAMESPACE']);
  expect(workerOptions.connectionRef).toEqual({ name: connection?.metadata.name });
});

it('docs/deployment.md migrates with the selector that npm run verify:kubernetes judges', () => {
  const [, selector = ''] = /BEFORE_PROCESSES = '([^']+)'/.exec(read('tools/kubernetes/main.ts')) ?? [];
  expect(selector).toContain('notin');
  expect(read('docs/deployment.md')).toContain(`--selector '${selector}'`);
});

it('The pods of the Worker Controller leave it the names of what it adds', () => {
  const workload = workloadsOf(rendered['worker-controller']).find(({ kind }) => kind === 'WorkerDeployment');
  expect(workload?.pod.volumes?.map(({ name }) => name)).not.toContain('temporal-tls');
  const names = workload === undefined ? [] : (containerOf(workload).env ?? []).map(({ name }) => name);
  expect(names).toContain('DATABASE_URL');
  // Payloads are sealed by this service alone.
  expect(names.filter((name) => name.startsWith('TEMPORAL_'))).toEqual(['TEMPORAL_SEALING_KEYS']);
});

it('The worker of the Worker Controller has the pods of production', () => {
  const worker = workloadsOf(rendered.production).find(({ name }) => name === 'worker-orders');
  const controlled = workloadsOf(rendered['worker-controller']).find(({ kind }) => kind === 'WorkerDeployment');
  const { args: _queues, volumeMounts: _mounts, ...container } = (worker && containerOf(worker)) ?? {};
  expect(controlled && containerOf(controlled)).toMatchObject(container);
});

it('The variables by which the Worker Controller names a build are settings of a worker', () => {
  expect(VARIABLE_NAMES).toEqual(
    expect.arrayContaining(['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID', 'TEMPORAL_NAMESPACE']),
  );
});
