import type { KubernetesDocument } from '../../../tools/kubernetes/overlays.ts';
import { containerOf, ofKind, type Workload } from './workloads.ts';

/** Keys and values of Secrets, by the name of the Secret. */
export type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * The variables that a container gets: those of its ConfigMaps, and over them its own.
 * @throws {RangeError} when a ConfigMap, a Secret or a key does not exist.
 */
export function environmentOfContainer(
  workload: Workload,
  documents: readonly KubernetesDocument[],
  secrets: Secrets,
): Record<string, string> {
  const { env = [], envFrom = [] } = containerOf(workload);
  const shared = envFrom.map(({ configMapRef }) => dataOf(documents, configMapRef?.name ?? ''));
  const own = env.map(({ name, value, valueFrom }) => {
    const { secretKeyRef: secret, configMapKeyRef: setting } = valueFrom ?? {};
    const ofSecret = secret && secrets[secret.name]?.[secret.key];
    const ofSettings = setting && dataOf(documents, setting.name)[setting.key];
    const found = value ?? ofSecret ?? ofSettings;
    if (found === undefined) throw new RangeError(`${workload.name}: nothing says what ${name} is`);
    return [name, found] as const;
  });
  return Object.assign({}, ...shared, Object.fromEntries(own)) as Record<string, string>;
}

function dataOf(documents: readonly KubernetesDocument[], name: string): Readonly<Record<string, string>> {
  const map = ofKind(documents, 'ConfigMap').find(({ metadata }) => metadata.name === name);
  if (map === undefined) throw new RangeError(`there is no ConfigMap ${name}`);
  return map['data'] as Record<string, string>;
}

/** Names of Secrets and ConfigMaps that the objects of an overlay refer to, wherever the reference is. */
export function referredSources(documents: readonly KubernetesDocument[]): Set<string> {
  const names = new Set<string>();
  const walk = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const { name } = value as { readonly name?: unknown };
    const isReference =
      /(?:secretKeyRef|configMapRef|SecretRef|secretTargetRef|certificateRefs|caCertificateRefs)$/.test(at);
    if (isReference && typeof name === 'string') names.add(name);
    for (const [field, child] of Object.entries(value)) {
      if (field === 'secretName') names.add(String(child));
      // A volume: `configMap: { name }`.
      const place = field === 'configMap' ? 'configMapRef' : field;
      walk(child, Array.isArray(value) ? at : place);
    }
  };
  documents.forEach((document) => walk(document['spec'], ''));
  return names;
}
