import type { KubernetesDocument } from '../../../tools/kubernetes/overlays.ts';

/** Names and values, as labels and selectors have them. */
export type Labels = Readonly<Record<string, string>>;

/** A reference of a container to one key of a Secret or ConfigMap. */
export interface KeyReference {
  readonly name: string;
  readonly key: string;
}

/** A variable of a container. */
export interface ContainerVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: KeyReference; readonly configMapKeyRef?: KeyReference };
}

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string | number };
  readonly tcpSocket?: { readonly port: string | number };
}

/** The fields of a container that tests use. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly ContainerVariable[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string };
  readonly configMap?: { readonly name: string };
}

/** The fields of a pod that tests use. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
}

/** Something that makes pods. */
export interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly replicas: number | undefined;
  /** Null for kinds without a selector. */
  readonly selector: Labels | null;
  readonly labels: Labels;
  readonly pod: PodSpec;
  /** Names of volumes that are claimed per pod. */
  readonly claims: readonly string[];
}

const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'Job', 'WorkerDeployment'];

interface WorkloadSpec {
  readonly replicas?: number;
  readonly selector?: { readonly matchLabels: Labels };
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

/** Everything in an overlay that makes pods. */
export function workloadsOf(documents: readonly KubernetesDocument[]): Workload[] {
  return documents
    .filter(({ kind }) => WORKLOAD_KINDS.includes(kind))
    .map((document) => {
      const spec = document['spec'] as WorkloadSpec;
      return {
        kind: document.kind,
        name: document.metadata.name,
        replicas: spec.replicas,
        selector: spec.selector?.matchLabels ?? null,
        labels: spec.template.metadata.labels,
        pod: spec.template.spec,
        claims: (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
      };
    });
}

/** The documents of a kind. */
export function ofKind(documents: readonly KubernetesDocument[], kind: string): KubernetesDocument[] {
  return documents.filter((document) => document.kind === kind);
}

/** Whether the labels have everything that the selector asks for. */
export function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

/** The one container of a pod. */
export function containerOf({ name, pod }: Workload): Container {
  const [container, ...others] = pod.containers;
  if (container === undefined || others.length > 0) throw new RangeError(`${name} has not exactly one container`);
  return container;
}
