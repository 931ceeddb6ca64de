import { TASK_QUEUES } from '../../../src/workflows/contract.ts';
import type { KubernetesDocument } from '../../../tools/kubernetes/overlays.ts';
import { containerOf, matches, ofKind, workloadsOf, type Labels, type Workload } from './workloads.ts';

/** The documents of one overlay. */
export type Documents = readonly KubernetesDocument[];

/** Why references inside an overlay lead nowhere, a line each; tools and API servers do not look at them. */
export function brokenReferences(documents: Documents): string[] {
  return [probes, accounts, volumes, selectors, services, scalers, policies, routes, queues].flatMap((check) =>
    check(documents),
  );
}

const portsOf = (workload: Workload): readonly (string | number)[] =>
  (containerOf(workload).ports ?? []).flatMap(({ name, containerPort }) => [name, containerPort]);

function probes(documents: Documents): string[] {
  return workloadsOf(documents).flatMap((workload) => {
    const { startupProbe, livenessProbe, readinessProbe } = containerOf(workload);
    const asked = [startupProbe, livenessProbe, readinessProbe].flatMap(
      (probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? [],
    );
    return asked
      .filter((port) => !portsOf(workload).includes(port))
      .map((port) => `${workload.name}: no port ${port} for its probe`);
  });
}

function accounts(documents: Documents): string[] {
  const known = new Set(ofKind(documents, 'ServiceAccount').map(({ metadata }) => metadata.name));
  return workloadsOf(documents).flatMap(({ name, pod: { serviceAccountName: account } }) =>
    account === undefined || known.has(account) ? [] : [`${name}: no account ${account}`],
  );
}

function volumes(documents: Documents): string[] {
  return workloadsOf(documents).flatMap((workload) => {
    const { name, pod, claims } = workload;
    const known = [...claims, ...(pod.volumes ?? []).map((volume) => volume.name)];
    const mounted = (containerOf(workload).volumeMounts ?? []).map((mount) => mount.name);
    const loose = [...known, ...mounted].filter((volume) => !known.includes(volume) || !mounted.includes(volume));
    return loose.map((volume) => `${name}: volume ${volume} has only one end`);
  });
}

function selectors(documents: Documents): string[] {
  const workloads = workloadsOf(documents);
  return workloads.flatMap(({ name, selector, labels }) => {
    if (selector === null) return [];
    const others = workloads.filter((other) => other.name !== name && matches(selector, other.labels));
    return [
      ...(matches(selector, labels) ? [] : [`${name}: its selector misses its own pods`]),
      ...others.map((other) => `${name}: its selector takes pods of ${other.name}`),
    ];
  });
}

interface ServiceSpec {
  readonly selector: Labels;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string | number }[];
}

function services(documents: Documents): string[] {
  return ofKind(documents, 'Service').flatMap((service) => {
    const { selector, ports } = service['spec'] as ServiceSpec;
    const pods = workloadsOf(documents).filter(({ labels }) => matches(selector, labels));
    if (pods.length === 0) return [`${service.metadata.name}: its selector finds no pod`];
    return pods.flatMap((pod) =>
      ports
        .filter(({ targetPort }) => !portsOf(pod).includes(targetPort))
        .map(({ targetPort }) => `${service.metadata.name}: ${pod.name} has no port ${targetPort}`),
    );
  });
}

interface ScalerSpec {
  readonly scaleTargetRef: { readonly name: string };
}

/** A number of pods that an autoscaler has set must not be set again by each apply, and another must be set once. */
function scalers(documents: Documents): string[] {
  const deployments = workloadsOf(documents).filter(({ kind }) => kind === 'Deployment');
  const targets = ['HorizontalPodAutoscaler', 'ScaledObject'].flatMap((kind) =>
    ofKind(documents, kind).map((document) => (document['spec'] as ScalerSpec).scaleTargetRef.name),
  );
  const missing = targets.filter((target) => !deployments.some(({ name }) => name === target));
  const contested = deployments.filter(({ name, replicas }) => targets.includes(name) === (replicas !== undefined));
  return [
    ...missing.map((target) => `an autoscaler has no target ${target}`),
    ...contested.map(({ name }) => `${name}: its number of pods must come from one place`),
  ];
}

interface PodSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

function isSelected({ matchLabels = {}, matchExpressions = [] }: PodSelector, labels: Labels): boolean {
  return (
    matches(matchLabels, labels) && matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  );
}

interface Selecting {
  readonly podSelector?: PodSelector;
  readonly selector?: PodSelector;
  readonly ingress?: readonly { readonly ports?: readonly { readonly port: string | number }[] }[];
  readonly endpoints?: readonly { readonly port: string }[];
}

function policies(documents: Documents): string[] {
  const workloads = workloadsOf(documents);
  const ofPods = ['NetworkPolicy', 'PodDisruptionBudget'].flatMap((kind) => ofKind(documents, kind));
  const unfound = ofPods.flatMap((document) => {
    const { podSelector, selector = podSelector ?? {}, ingress = [] } = document['spec'] as Selecting;
    const pods = workloads.filter(({ labels }) => isSelected(selector, labels));
    if (pods.length === 0) return [`${document.kind} ${document.metadata.name} selects no pod`];
    const ports = ingress.flatMap(({ ports = [] }) => ports.map(({ port }) => port));
    const absent = ports.filter((port) => !pods.every((pod) => portsOf(pod).includes(port)));
    return absent.map((port) => `${document.metadata.name}: its pods have no port ${port}`);
  });
  return [...unfound, ...monitors(documents)];
}

function monitors(documents: Documents): string[] {
  return ofKind(documents, 'ServiceMonitor').flatMap((document) => {
    const { selector = {}, endpoints = [] } = document['spec'] as Selecting;
    const found = ofKind(documents, 'Service').filter(({ metadata }) =>
      isSelected(selector, (metadata as { readonly labels?: Labels }).labels ?? {}),
    );
    const ports = found.flatMap((service) => (service['spec'] as ServiceSpec).ports.map(({ name }) => name));
    return endpoints.every(({ port }) => ports.includes(port)) ? [] : [`${document.metadata.name}: no such port`];
  });
}

interface RouteSpec {
  readonly parentRefs: readonly { readonly name: string; readonly sectionName: string }[];
  readonly rules: readonly { readonly backendRefs?: readonly { readonly name: string; readonly port: number }[] }[];
}

function routes(documents: Documents): string[] {
  const listeners = ofKind(documents, 'Gateway').flatMap((gateway) =>
    (gateway['spec'] as { listeners: readonly { name: string }[] }).listeners.map(
      ({ name }) => `${gateway.metadata.name}/${name}`,
    ),
  );
  const ends = ofKind(documents, 'Service').flatMap((service) =>
    (service['spec'] as ServiceSpec).ports.map(({ port }) => `${service.metadata.name}:${port}`),
  );
  const wanted = ofKind(documents, 'BackendTLSPolicy').flatMap((policy) =>
    (policy['spec'] as { targetRefs: readonly { name: string }[] }).targetRefs.map(({ name }) => name),
  );
  const unsecured = wanted.filter((name) => !ends.some((end) => end.startsWith(`${name}:`)));
  const lost = ofKind(documents, 'HTTPRoute').flatMap((route) => {
    const { parentRefs, rules } = route['spec'] as RouteSpec;
    const from = parentRefs.map(({ name, sectionName }) => `${name}/${sectionName}`);
    const to = rules.flatMap(({ backendRefs = [] }) => backendRefs.map(({ name, port }) => `${name}:${port}`));
    return [...from.filter((place) => !listeners.includes(place)), ...to.filter((place) => !ends.includes(place))];
  });
  return [...unsecured, ...lost].map((place) => `a route leads to ${place}, which does not exist`);
}

/** Each task queue needs a worker; `combined` and a worker without `--queues` serve all of them. */
function queues(documents: Documents): string[] {
  const served = workloadsOf(documents).flatMap((workload) => {
    const { args = [] } = containerOf(workload);
    const isWorker = args.some((word) => /^dist\/src\/(?:worker|combined)\.js$/.test(word));
    if (!isWorker) return [];
    return args.includes('--queues') ? (args.at(args.indexOf('--queues') + 1) ?? '').split(',') : TASK_QUEUES;
  });
  const unknown = served.filter((queue) => !(TASK_QUEUES as readonly string[]).includes(queue));
  const unserved = TASK_QUEUES.filter((queue) => !served.includes(queue));
  return [...unknown.map((queue) => `${queue} is no task queue`), ...unserved.map((queue) => `no worker of ${queue}`)];
}
