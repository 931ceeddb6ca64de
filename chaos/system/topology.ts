/** `combined` is two processes with API and worker; `split` is two APIs and three workers. */
export const TOPOLOGIES = ['combined', 'split'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

/** A process of the product and its entry. */
export interface CrewMember {
  readonly name: string;
  readonly script: string;
}

/** The processes of the product. */
export const CREWS: Readonly<Record<Topology, readonly CrewMember[]>> = {
  combined: [
    { name: 'combined-1', script: 'src/combined.ts' },
    { name: 'combined-2', script: 'src/combined.ts' },
  ],
  split: [
    { name: 'api-1', script: 'src/server.ts' },
    { name: 'api-2', script: 'src/server.ts' },
    { name: 'worker-1', script: 'src/worker.ts' },
    { name: 'worker-2', script: 'src/worker.ts' },
    { name: 'worker-3', script: 'src/worker.ts' },
  ],
};

/** What a process of the product reaches through a link of its own. */
export const DEPENDENCIES = ['postgres', 'temporal', 'simulator', 'mail-sink'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

export function hasApi(name: string): boolean {
  return !name.startsWith('worker');
}

export function hasWorker(name: string): boolean {
  return !name.startsWith('api');
}

/** The processes around the product. */
const SURROUNDINGS = ['postgres', 'temporal', 'simulator', 'mail-sink', 'receiver'] as const;

/** The names of the product's processes. */
export function productNames(topology: Topology): string[] {
  return CREWS[topology].map(({ name }) => name);
}

/** The names of all processes. */
export function processNames(topology: Topology): string[] {
  return [...SURROUNDINGS, ...productNames(topology)];
}

/** The names of all links, `client>server`. */
export function linkNames(topology: Topology): string[] {
  const crew = productNames(topology);
  return [
    ...crew.filter(hasApi).map((name) => `client>${name}`),
    ...crew.flatMap((name) => DEPENDENCIES.map((dependency) => `${name}>${dependency}`)),
    'temporal>postgres',
    'simulator>api',
    'product>receiver',
  ];
}
