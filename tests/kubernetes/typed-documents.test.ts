import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { OVERLAYS, renderOverlay, type KubernetesDocument, type Overlay } from '../../tools/kubernetes/overlays.ts';

// Each object is written as a literal of its kind's type, so the compiler finds unknown fields and wrong values.

/** Packages with the types of an API group; those of Kubernetes itself are the rest. */
const PACKAGES: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'cert-manager.io': '@kubernetes-models/cert-manager',
};

/** Kinds that no package has types for. Their pods and autoscalers are those of Kubernetes. */
function partsOf(document: KubernetesDocument): readonly KubernetesDocument[] {
  if (!document.apiVersion.startsWith('temporal.io/')) return [document];
  const { metadata } = document;
  const { template } = document['spec'] as { readonly template?: Record<string, unknown> };
  if (document.kind === 'WorkerDeployment') return [{ apiVersion: 'v1', kind: 'PodTemplate', metadata, template }];
  if (document.kind !== 'WorkerResourceTemplate') return [];
  const { spec, ...rest } = template as unknown as KubernetesDocument & { readonly spec: object };
  // The controller fills in the version's own Deployment.
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' };
  return [{ ...rest, metadata, spec: { ...spec, scaleTargetRef } }];
}

function toLiteral(document: KubernetesDocument, index: number): string {
  const { apiVersion, kind } = document;
  const [group = ''] = apiVersion.split('/');
  const from = `${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
  const text = JSON.stringify(document, null, 1);
  return `import type { I${kind} as Type${index} } from '${from}';\nexport const value${index}: Type${index} = ${text};\n`;
}

/** What the compiler says of the documents: an empty text if it finds nothing. */
async function compile(documents: readonly KubernetesDocument[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-documents-'));
  try {
    await symlink(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const text = documents.flatMap(partsOf).map(toLiteral).join('');
    await writeFile(join(folder, 'documents.ts'), text);
    const flags = '--noEmit --strict --skipLibCheck --ignoreConfig --types node --module nodenext --target es2024';
    const args = [...flags.split(' '), 'documents.ts'];
    const tsc = join(PROJECT_FOLDER, 'node_modules/.bin/tsc');
    return await new Promise((resolve) => execFile(tsc, args, { cwd: folder }, (_, stdout) => resolve(stdout)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

let rendered: ReadonlyMap<Overlay, readonly KubernetesDocument[]>;
beforeAll(async () => {
  const render = async (overlay: Overlay) => [overlay, (await renderOverlay(overlay)).documents] as const;
  rendered = new Map(await Promise.all(OVERLAYS.map(render)));
}, 300_000);

it.each(OVERLAYS)('Every object of the overlay %s has the fields and values of its kind', async (overlay) => {
  expect(await compile(rendered.get(overlay) ?? [])).toBe('');
});

it.each([
  ['Deployment', 'terminationGracePeriodSeconds', 'terminationGracePeriod'],
  ['PodDisruptionBudget', 'maxUnavailable', 'maxUnavailabel'],
  ['ScaledObject', 'minReplicaCount', 'minReplicas'],
  ['HTTPRoute', 'PathPrefix', 'Prefix'],
  ['ServiceMonitor', 'scrapeTimeout', 'timeout'],
  ['Certificate', 'ECDSA', 'EDCSA'],
  ['WorkerDeployment', 'readOnlyRootFilesystem', 'readOnly'],
])('The compiler refuses a %s with %s misspelt', async (kind, text, mistake) => {
  const document = rendered.get('production')?.concat(rendered.get('worker-controller') ?? []);
  const chosen = document?.find((candidate) => candidate.kind === kind && JSON.stringify(candidate).includes(text));
  const changed = JSON.stringify(chosen).replaceAll(text, mistake);
  expect(await compile([JSON.parse(changed) as KubernetesDocument])).toContain(mistake);
});
