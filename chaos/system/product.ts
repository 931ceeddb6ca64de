import { execFile } from 'node:child_process';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cleanup } from '../../bench/cleanup.ts';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { startProcess, type StopStage } from '../../src/dev/processes/processes.ts';
import { openLink, type Link } from '../links/link.ts';
import type { Random } from '../random.ts';
import { probeHttp } from './probes.ts';
import { supervise, type SupervisedProcess } from './supervised-process.ts';
import { CREWS, DEPENDENCIES, hasApi, hasWorker, type CrewMember, type Dependency, type Topology } from './topology.ts';

/** An orchestrator's patience: longer than the grace that running steps get. */
const DRAIN: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];

/** One process of the product with the links that only this process uses. */
export interface ProductProcess extends SupervisedProcess {
  readonly hasApi: boolean;
  readonly hasWorker: boolean;
  /** The port of its API, not through a link. */
  readonly apiPort: number;
  /** Links to what it depends on. */
  readonly links: Readonly<Record<Dependency, Link>>;
}

/**
 * The processes of the product get what the others leave of the processor, as if Temporal, PostgreSQL and the links had
 * machines of their own. With equal shares the starts of killed processes kept Temporal from its database for so long
 * that it repeated the same loads again and again.
 */
const NICENESS = 5;

/** What all processes of the product have in common. */
export interface ProductOptions {
  /** The tree that the processes run from. */
  readonly projectFolder: string;
  readonly folder: string;
  readonly topology: Topology;
  /** Variables of every process beside its addresses. */
  readonly env: Readonly<Record<string, string>>;
  /** Ports of the parts that the links lead to. */
  readonly ports: Readonly<Record<Dependency, number>>;
  readonly databaseUrl: string;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** Bundles the workflow code of a tree into a file. */
export async function bundleTree(projectFolder: string, path: string): Promise<void> {
  const script = join(projectFolder, 'src/temporal/bundle-workflows.ts');
  await promisify(execFile)(process.execPath, [script, path], { cwd: projectFolder });
}

/** Opens the links and prepares the processes, without starting them. */
export async function prepareProduct(options: ProductOptions, cleanup: Cleanup): Promise<ProductProcess[]> {
  const crew: ProductProcess[] = [];
  for (const member of CREWS[options.topology]) crew.push(await prepareProcess(member, options, cleanup));
  return crew;
}

async function prepareProcess(
  { name, script }: CrewMember,
  options: ProductOptions,
  cleanup: Cleanup,
): Promise<ProductProcess> {
  const links = await openLinks(name, options, cleanup);
  const [apiPort, internalPort] = [await findFreePort(), await findFreePort()];
  const env = {
    ...options.env,
    API_PORT: String(apiPort),
    INTERNAL_PORT: String(internalPort),
    WORKER_METRICS_PORT: '0',
    DATABASE_URL: withPort(options.databaseUrl, links.postgres.port),
    TEMPORAL_ADDRESS: `${LOOPBACK}:${links.temporal.port}`,
    PAYMENT_GATEWAY_URL: `http://${LOOPBACK}:${links.simulator.port}`,
    SMTP_URL: `smtp://${LOOPBACK}:${links['mail-sink'].port}`,
  };
  const supervised = supervise(
    {
      name,
      role: 'product',
      stages: DRAIN,
      spawn: async (changes) => {
        const started = await startProcess({
          name,
          command: process.execPath,
          args: ['--import', './src/temporal/lean-sandbox.ts', script],
          cwd: options.projectFolder,
          env: { PATH: '/usr/bin:/bin', ...env, ...changes },
          logFile: join(options.folder, `${name}.log`),
        });
        setPriority(started.pid, NICENESS);
        return started;
      },
      probe: () => probeHttp(`http://${LOOPBACK}:${internalPort}/ready`),
    },
    options.log,
  );
  await cleanup.add(() => supervised.stop());
  return { ...supervised, links, apiPort, hasApi: hasApi(name), hasWorker: hasWorker(name) };
}

async function openLinks(
  name: string,
  { ports, random }: ProductOptions,
  cleanup: Cleanup,
): Promise<ProductProcess['links']> {
  const opened: [Dependency, Link][] = [];
  for (const server of DEPENDENCIES) {
    const link = await openLink({ name: `${name}>${server}`, serverPort: () => ports[server] }, random);
    await cleanup.add(() => link.close());
    opened.push([server, link]);
  }
  return Object.fromEntries(opened) as Record<Dependency, Link>;
}

function withPort(text: string, port: number): string {
  const url = new URL(text);
  url.port = String(port);
  return url.href;
}
