import type { Overlay } from './overlays.ts';

/** A mistake that the API server must refuse: `text`, which the overlay has, becomes `mistake`. */
export interface PlantedMistake {
  readonly what: string;
  readonly overlay: Overlay;
  readonly kind: string;
  readonly text: RegExp;
  readonly mistake: string;
}

export const PLANTED_MISTAKES: readonly PlantedMistake[] = [
  {
    what: 'a misspelt field',
    overlay: 'production',
    kind: 'Deployment',
    text: /terminationGracePeriodSeconds/,
    mistake: 'terminationGracePeriod',
  },
  {
    what: 'a value of the wrong type',
    overlay: 'production',
    kind: 'HorizontalPodAutoscaler',
    text: /minReplicas: 2/,
    mistake: 'minReplicas: two',
  },
  {
    what: 'a minimum above the maximum',
    overlay: 'production',
    kind: 'HorizontalPodAutoscaler',
    text: /minReplicas: 2/,
    mistake: 'minReplicas: 20',
  },
  {
    what: 'a selector that misses the pods of its template',
    overlay: 'production',
    kind: 'Deployment',
    text: /(matchLabels:\n\s+app.kubernetes.io\/component:) api/,
    mistake: '$1 other',
  },
  {
    what: 'a container that may be root',
    overlay: 'production',
    kind: 'Deployment',
    text: /runAsNonRoot: true/,
    mistake: 'runAsNonRoot: false',
  },
  {
    what: 'a container that keeps its capabilities',
    overlay: 'production',
    kind: 'Job',
    text: /capabilities:\n\s+drop:\n\s+- ALL\n/,
    mistake: 'privileged: false\n',
  },
  {
    what: 'a port of the node',
    overlay: 'dev',
    kind: 'Deployment',
    text: /containerPort: 8080/,
    mistake: 'hostPort: 8080\n          containerPort: 8080',
  },
  {
    what: 'an unknown kind of disruption',
    overlay: 'production',
    kind: 'PodDisruptionBudget',
    text: /unhealthyPodEvictionPolicy: AlwaysAllow/,
    mistake: 'unhealthyPodEvictionPolicy: Always',
  },
  {
    what: 'a network that is none',
    overlay: 'cloud',
    kind: 'NetworkPolicy',
    text: /cidr: 10\.64\.0\.0\/24/,
    mistake: 'cidr: 10.64.0.0/64',
  },
  {
    what: 'a misspelt field of KEDA',
    overlay: 'production',
    kind: 'ScaledObject',
    text: /minReplicaCount/,
    mistake: 'minReplicas',
  },
  {
    what: 'an unknown kind of path in a route',
    overlay: 'production',
    kind: 'HTTPRoute',
    text: /type: PathPrefix/,
    mistake: 'type: Prefix',
  },
  {
    what: 'an interval that is no duration',
    overlay: 'production',
    kind: 'ServiceMonitor',
    text: /interval: 15s/,
    mistake: 'interval: quarter',
  },
  {
    what: 'an unknown strategy of a rollout',
    overlay: 'worker-controller',
    kind: 'WorkerDeployment',
    text: /strategy: Progressive/,
    mistake: 'strategy: Slow',
  },
];
