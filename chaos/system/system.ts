import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../../bench/cleanup.ts';
import { LOOPBACK } from '../../src/dev/processes/ports.ts';
import { openLink, type Link } from '../links/link.ts';
import type { Random } from '../random.ts';
import { bundleTree, prepareProduct, type ProductProcess } from './product.ts';
import { ALERTS_PATH, type ReceivedWebhook, type Receiver } from './receiver.ts';
import {
  NAMESPACE,
  startMailSink,
  startPostgres,
  startReceiver,
  startSimulator,
  startTemporal,
  type MailSinkPart,
  type PostgresPart,
  type SimulatorPart,
  type TemporalPart,
} from './stage.ts';
import type { SupervisedProcess } from './supervised-process.ts';
import type { Topology } from './topology.ts';

/** The running system as clients, samplers and the checker see it. */
export interface ChaosSystem {
  /** Addresses of the API's two replicas, through the links of the clients. */
  readonly apiUrls: readonly string[];
  /** The product's database, not through a link. */
  readonly databaseUrl: string;
  /** `host:port`, not through a link. */
  readonly temporalAddress: string;
  readonly namespace: string;
  /** The provider's ledger and fault switches, not through a link. */
  readonly simulatorUrl: string;
  /** The mail sink's inbox, not through a link. */
  readonly inboxUrl: string;
  /** A merchant's server, which the product reaches through a link. */
  readonly receiver: { readonly url: string; received(): Promise<ReceivedWebhook[]> };
  readonly settings: SystemSettings;
  /** The tree that the product runs from: a copy when a bug is planted. */
  readonly projectFolder: string;
  /** Logs of the product's processes. */
  readonly logFiles: readonly string[];
  /** The processes that run now, by their names. */
  pids(): Record<string, number>;
}

/** What is needed to sign tokens and to run tools of the product. */
export interface SystemSettings {
  readonly jwtSecret: string;
  readonly contactKeys: string;
  /** Signs the provider's reports (`whsec_...`). */
  readonly paymentWebhookSecret: string;
  /** Variables for a tool of the product (audit, orders) that goes through no link. */
  readonly toolEnv: Readonly<Record<string, string>>;
}

/** What faults act on. */
export interface SystemControls {
  readonly product: readonly ProductProcess[];
  readonly postgres: PostgresPart;
  readonly temporal: TemporalPart;
  readonly simulator: SimulatorPart;
  readonly mailSink: MailSinkPart;
  readonly receiver: Receiver;
  /** All processes of the system. */
  readonly processes: readonly SupervisedProcess[];
  /** All links by their names. */
  readonly links: ReadonlyMap<string, Link>;
  /** Where the provider sends its reports, through their link. */
  readonly reportUrl: string;
  /** The bundle of the workflow code that the processes were started with. */
  readonly bundle: string;
  readonly folder: string;
}

/** A system that faults can act on. */
export interface ControlledSystem extends ChaosSystem {
  readonly controls: SystemControls;
}

export interface ChaosSystemOptions {
  /** The tree that the product runs from. */
  readonly projectFolder: string;
  /** For logs, databases and the provider's ledger. */
  readonly folder: string;
  readonly topology: Topology;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** The steps that ask the payment provider. */
const MONEY_STEPS = [
  'take-payment',
  'capture-payment',
  'undo-payment',
  'abandon-charge',
  'abandon-capture',
  'release-authorization',
  'refund-payment',
  'find-external',
  'adopt-external',
  'return-charge',
] as const;

/**
 * Settings that differ from the defaults. Four attempts (36 s of waits) instead of 14 minutes, so that steps open their
 * cases within a run, and operators close them. Two attempts of an alert, so that some are given up and operators have
 * them tried again.
 */
const SETTINGS = {
  WORKFLOW_SANDBOX: 'lean',
  WEBHOOK_ALLOW_PRIVATE: 'true',
  EVENT_PARTITIONS: '4',
  SHUTDOWN_GRACE_SECONDS: '10',
  STEP_MAX_ATTEMPTS: MONEY_STEPS.map((step) => `${step}=4`).join(','),
  EVENT_MAX_ATTEMPTS: 'analytics/purchase=2',
  UNMATCHED_NOTICE_MINUTES: '1',
  LOG_REQUESTS: 'false',
} as const;

/** How long the parts may take until all of them serve. */
const START_LIMIT_MS = 120_000;

/** Starts everything; it all serves when this resolves. The cleanup stops it. */
export async function startChaosSystem(options: ChaosSystemOptions, cleanup: Cleanup): Promise<ControlledSystem> {
  await mkdir(options.folder, { recursive: true });
  const secrets = makeSecrets();
  const surroundings = await startSurroundings(options, secrets, cleanup);
  const { links, postgres, temporal, simulator, mailSink, receiver } = surroundings;
  const env = {
    ...SETTINGS,
    ...secrets,
    TEMPORAL_NAMESPACE: NAMESPACE,
    WORKFLOW_BUNDLE: surroundings.bundle,
    HIGH_VALUE_ALERT_URL: `http://${LOOPBACK}:${surroundings.merchant.port}${ALERTS_PATH}`,
  };
  const product = await prepareProduct(
    {
      ...options,
      env,
      databaseUrl: postgres.databaseUrl,
      ports: {
        postgres: postgres.port,
        temporal: temporal.port,
        simulator: simulator.port,
        'mail-sink': mailSink.smtpPort,
      },
    },
    cleanup,
  );
  for (const link of product.flatMap((process) => Object.values(process.links))) links.set(link.name, link);
  const apis = product.filter(({ hasApi }) => hasApi);
  surroundings.reportTo(apis[0]?.apiPort ?? 0);
  const fronts: Link[] = [];
  for (const api of apis) fronts.push(await surroundings.open(`client>${api.name}`, () => api.apiPort));
  const around = [postgres, temporal, simulator, mailSink, receiver].map(({ process }) => process);
  const processes = [...around, ...product];
  const serving = AbortSignal.timeout(START_LIMIT_MS);
  await Promise.all(product.map((process) => process.start()));
  await Promise.all(processes.map((process) => process.untilServing(serving)));
  return describe(options, { ...surroundings, secrets, env, product, processes, fronts });
}

/** Everything but the product. */
async function startSurroundings(options: ChaosSystemOptions, secrets: Secrets, cleanup: Cleanup) {
  const { folder, projectFolder, random } = options;
  const links = new Map<string, Link>();
  const open = async (name: string, serverPort: () => number): Promise<Link> => {
    const link = await openLink({ name, serverPort }, random);
    await cleanup.add(() => link.close());
    links.set(name, link);
    return link;
  };
  const bundle = join(folder, 'workflow-bundle.js');
  const [postgres] = await Promise.all([startPostgres(options, cleanup), bundleTree(projectFolder, bundle)]);
  const store = await open('temporal>postgres', () => postgres.port);
  const temporal = await startTemporal(options, { postgres, linkPort: store.port }, cleanup);
  const receiver = await startReceiver(options, cleanup);
  const merchant = await open('product>receiver', () => receiver.port);
  const mailSink = await startMailSink(options, cleanup);
  let reportPort = 0;
  const reports = await open('simulator>api', () => reportPort);
  const reportUrl = `http://${LOOPBACK}:${reports.port}/v1/payment-webhooks/simulator`;
  const webhook = { url: reportUrl, secret: secrets.PAYMENT_WEBHOOK_SECRET };
  const simulator = await startSimulator(options, webhook, cleanup);
  const reportTo = (port: number): void => {
    reportPort = port;
  };
  return { links, open, bundle, postgres, temporal, receiver, merchant, mailSink, reportUrl, reportTo, simulator };
}

interface StartedParts extends Awaited<ReturnType<typeof startSurroundings>> {
  readonly secrets: Secrets;
  readonly env: Readonly<Record<string, string>>;
  readonly product: readonly ProductProcess[];
  readonly processes: readonly SupervisedProcess[];
  readonly fronts: readonly Link[];
}

function describe({ folder, projectFolder }: ChaosSystemOptions, parts: StartedParts): ControlledSystem {
  const { postgres, temporal, simulator, mailSink, receiver, merchant, secrets, env, product, processes } = parts;
  const { databaseUrl } = postgres;
  const simulatorUrl = `http://${LOOPBACK}:${simulator.port}`;
  const direct = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: temporal.address, PAYMENT_GATEWAY_URL: simulatorUrl };
  const { links, bundle, reportUrl } = parts;
  return {
    apiUrls: parts.fronts.map(({ port }) => `http://${LOOPBACK}:${port}`),
    databaseUrl,
    temporalAddress: temporal.address,
    namespace: NAMESPACE,
    simulatorUrl,
    inboxUrl: `http://${LOOPBACK}:${mailSink.inboxPort}`,
    receiver: { url: `http://${LOOPBACK}:${merchant.port}/hook`, received: receiver.received },
    settings: {
      jwtSecret: secrets.JWT_SECRET,
      contactKeys: secrets.CONTACT_KEYS,
      paymentWebhookSecret: secrets.PAYMENT_WEBHOOK_SECRET,
      toolEnv: { ...env, ...direct },
    },
    projectFolder,
    logFiles: product.map(({ name }) => join(folder, `${name}.log`)),
    pids: () => Object.fromEntries(processes.flatMap((each) => pidEntry(each))),
    controls: {
      product,
      postgres,
      temporal,
      simulator,
      mailSink,
      receiver,
      processes,
      links,
      reportUrl,
      bundle,
      folder,
    },
  };
}

function pidEntry(process: SupervisedProcess): [string, number][] {
  const pid = process.pid();
  return pid === null ? [] : [[process.name, pid]];
}

type Secrets = ReturnType<typeof makeSecrets>;

function makeSecrets() {
  return {
    JWT_SECRET: randomBytes(32).toString('base64url'),
    CONTACT_KEYS: `chaos:${randomBytes(32).toString('base64')}`,
    PAYMENT_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  };
}
