import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { inject } from 'vitest';
import type { Activities } from '../../src/activities/index.ts';
import { createEagerSlots } from '../../src/api/orders/eager-slots.ts';
import { SCOPES, type Scope } from '../../src/domain/access/scopes.ts';
import type { OrderView } from '../../src/api/orders/order-schemas.ts';
import { stopProcess } from '../../src/composition/process.ts';
import { openContext } from '../../src/composition/resources.ts';
import { composeActivities, startWorker } from '../../src/composition/workers.ts';
import { startApi } from '../../src/composition/api.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { signDevToken } from '../../src/dev/dev-token.ts';
import { createMailSink } from '../../src/dev/mail-sink/mail-sink.ts';
import { createLogger, type Logger } from '../../src/runtime/logger.ts';
import { createProcessMetrics } from '../../src/composition/process-metrics.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import type { WebhookTarget } from '../../src/simulator/webhooks.ts';
import { ensureSearchAttributes } from '../../src/temporal/bootstrap.ts';
import { installTemporalRuntime } from '../../src/temporal/runtime.ts';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { allAt } from '../../db/client.ts';
import type { DatabaseRole } from '../../db/roles/grants.ts';
import { createTestDatabase, takeNamespace, type TestDatabase } from './database/database.ts';
import { urlAs } from './database/logins.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';

/** A parsed answer of the API. */
export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** One entry of the simulator's ledger. */
export interface LedgerEntry {
  readonly orderId: string;
  readonly key: string;
  readonly kind: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly state: string;
}

/** The client of every system under test, in one process or several. */
export interface SystemClient {
  request<Body = Record<string, unknown>>(path: string, init?: RequestInit & { token?: string }): Promise<Answer<Body>>;
  /** Posts an order under a fresh key unless one is given, and again after a 503; expects 202 and returns its id. */
  postOrder(order?: OrderOverrides, key?: string): Promise<string>;
  /** The order, when it is at rest or a case is open. */
  orderAtRest(orderId: string, waitSeconds?: number): Promise<OrderView>;
  token(tenant?: string, scopes?: readonly Scope[], subject?: string): Promise<string>;
}

/** The differences to the usual order: 2 pieces of SKU-0001 by pm_ok. */
export interface OrderOverrides {
  readonly method?: string;
  readonly sku?: string;
  readonly quantity?: number;
  readonly body?: Record<string, unknown>;
}

/** The API and the worker in this process, on real PostgreSQL and a real Temporal server. */
export interface TestSystem extends SystemClient {
  readonly url: string;
  readonly config: Config;
  /** The environment for processes that join this system, without variables that a test has added. */
  readonly env: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly database: TestDatabase;
  readonly client: Client;
  readonly simulatorUrl: string;
  readonly ledgerFile: string;
  /** All effects of the simulator for an order. */
  ledger(orderId?: string): Promise<LedgerEntry[]>;
  setFaults(faults: Record<string, unknown>): Promise<void>;
  /**
   * Mails that arrived for an order, newest first, one for each Message-ID: a try that was given up for its time may
   * have sent its mail all the same, and the next try sends it again under the same Message-ID.
   */
  mails(orderId: string): Promise<{ readonly messageId: string; readonly to: string; readonly text: string }[]>;
  /** Ends the workers in order; the API continues. */
  stopWorker(): Promise<void>;
  stop(): Promise<void>;
}

/** The changes that a test may make to the system. */
export interface TestSystemOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Wraps the activities, for example to fail before or after an effect. */
  readonly wrapActivities?: (activities: Activities) => Activities;
  /** Whether the simulator reports its effects to the API. */
  readonly webhooks?: boolean;
  /** Whether the system has a worker; without one, accepted orders stay unopened. */
  readonly worker?: boolean;
  /** Whether API and worker have database roles of their own, and row-level security holds the API. */
  readonly roles?: boolean;
  /** Whether the event pipeline's pumps run; they are off by default, because most tests are about orders. */
  readonly events?: boolean;
}

const JWT_SECRET = randomBytes(32).toString('base64url');
/** Signs the simulator's reports. */
export const WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const CONTACT_KEYS = `test:${randomBytes(32).toString('base64')}`;

let runtimeInstalled = false;

/** Environment of a system under test, including systems that run as separate processes. */
export function systemEnvironment(parts: {
  readonly databaseUrl: string;
  readonly namespace: string;
  readonly simulatorUrl: string;
  readonly smtpPort: number;
}): Record<string, string> {
  return {
    API_PORT: '0',
    WORKER_METRICS_PORT: '0',
    INTERNAL_PORT: '0',
    JWT_SECRET,
    CONTACT_KEYS,
    PAYMENT_WEBHOOK_SECRET: WEBHOOK_SECRET,
    DATABASE_URL: parts.databaseUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: parts.namespace,
    WORKFLOW_BUNDLE: inject('workflowBundle'),
    PAYMENT_GATEWAY_URL: parts.simulatorUrl,
    SMTP_URL: `smtp://127.0.0.1:${parts.smtpPort}`,
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    SHUTDOWN_GRACE_SECONDS: '5',
    WORKER_QUEUES: 'orders,inventory,payments,notifications',
    EVENT_PARTITIONS: '4',
  };
}

/** The servers around a system: its own database, namespace, simulator and mail sink. */
async function startCollaborators(webhook: WebhookTarget | null = null) {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-system-'));
  const ledgerFile = join(folder, 'ledger.jsonl');
  const [database, namespace, simulator] = await Promise.all([
    createTestDatabase(),
    takeNamespace(),
    createSimulator({ ledgerFile, webhook }),
  ]);
  const sink = createMailSink({ smtpPort: 0, inboxPort: 0, host: '127.0.0.1' });
  await sink.start();
  return {
    database,
    namespace,
    simulator,
    ledgerFile,
    env: systemEnvironment({
      databaseUrl: database.url,
      namespace,
      simulatorUrl: simulator.url,
      smtpPort: sink.ports.smtp,
    }),
    ledger: (orderId?: string) => readLedger(simulator.url, orderId),
    setFaults: async (faults: Record<string, unknown>) => {
      await fetch(`${simulator.url}/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faults),
      });
    },
    mails: async (orderId: string) => {
      const response = await fetch(`http://127.0.0.1:${sink.ports.inbox}/messages?orderId=${orderId}`);
      const copies = (await response.json()) as { messageId: string; to: string; text: string }[];
      const firstIndex = (id: string): number => copies.findLastIndex(({ messageId }) => messageId === id);
      return copies.filter(({ messageId }, index) => firstIndex(messageId) === index);
    },
    stop: async () => {
      await Promise.all([simulator.close(), sink.stop()]);
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the whole system inside the test's process. */
export async function startTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const port = options.webhooks === true ? await findFreePort() : 0;
  const url = `http://127.0.0.1:${port}/v1/payment-webhooks/simulator`;
  const around = await startCollaborators(port === 0 ? null : { url, secret: WEBHOOK_SECRET });
  const queues = options.events === true ? { WORKER_QUEUES: TASK_QUEUES.join(',') } : {};
  const config = loadConfig({ ...around.env, ...queues, API_PORT: String(port), ...options.env });
  const logger = createLogger({ level: config.logLevel, service: 'test' });
  if (!runtimeInstalled) installTemporalRuntime(logger, null);
  runtimeInstalled = true;
  const { context, apiContext } = openContexts(config, logger, options.roles === true);
  const { client } = context;
  await ensureSearchAttributes(client, config.temporal);
  const slots = createEagerSlots(config.api.eagerSlots);
  const activities = (options.wrapActivities ?? same)(composeActivities(context));
  const worker =
    options.worker === false
      ? null
      : await startWorker(context, { activities, onFastPathEnded: slots.release, onStep: slots.stepEnded });
  const api = await startApi(apiContext, worker && { client: worker.eagerClient, slots });
  const stopWorker = async (): Promise<void> => {
    await worker?.shutDown();
    await worker?.finished;
  };
  const apiUrl = `http://127.0.0.1:${api.server.port}`;
  return {
    ...around,
    ...createSystemClient(apiUrl),
    url: apiUrl,
    config,
    client,
    simulatorUrl: around.simulator.url,
    stopWorker,
    stop: async () => {
      if (apiContext === context) await stopProcess({ context, api, worker });
      else {
        await stopProcess({ context: apiContext, api, worker: null });
        await stopProcess({ context, api: null, worker });
      }
      await worker?.finished;
      await around.stop();
    },
  };
}

/** The API answers 503 when a busy machine cannot start an order in time; a client sends it again. */
const REPEATS_MAX = 10;
const REPEAT_AFTER_MS = 1_000;

/** A client of the API at an address. */
export function createSystemClient(url: string): SystemClient {
  const token = (tenant = 'demo', scopes: readonly Scope[] = SCOPES, subject?: string): Promise<string> =>
    signDevToken({
      secret: JWT_SECRET,
      issuer: 'order-saga',
      audience: 'order-saga',
      tenant,
      scopes: [...scopes],
      ttlSeconds: 3_600,
      ...(subject === undefined ? {} : { subject }),
    });
  const request: SystemClient['request'] = async (path, init = {}) => {
    const { token: given, ...rest } = init;
    const response = await fetch(new URL(path, url), {
      ...rest,
      headers: {
        authorization: `Bearer ${given ?? (await token())}`,
        ...(rest.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(rest.headers as Record<string, string> | undefined),
      },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
  return {
    token,
    request,
    postOrder: async (order, key = randomUUID()) => {
      const init = { method: 'POST', headers: { 'idempotency-key': key }, body: JSON.stringify(orderBody(order)) };
      let answer = await request<{ id: string }>('/v1/orders', init);
      for (let repeats = 0; repeats < REPEATS_MAX && answer.status === 503; repeats += 1) {
        await sleep(REPEAT_AFTER_MS);
        answer = await request<{ id: string }>('/v1/orders', init);
      }
      if (answer.status !== 202) throw new Error(`expected 202, got ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body.id;
    },
    orderAtRest: async (orderId, waitSeconds = 20) => {
      const { body } = await request<OrderView>(`/v1/orders/${orderId}?wait=${waitSeconds}`);
      return body;
    },
  };
}

/** Body of the usual order, with the changes of the test. */
export function orderBody({ method = 'pm_ok', sku = 'SKU-0001', quantity = 2, body = {} }: OrderOverrides = {}) {
  return {
    customer: { id: 'cust_42', email: 'ada@example.com' },
    currency: 'EUR',
    lines: [{ sku, quantity }],
    payment: { method },
    ...body,
  };
}

/** The simulator's effects in order; only those of one order if an id is given. */
export async function readLedger(simulatorUrl: string, orderId?: string): Promise<LedgerEntry[]> {
  const query = orderId === undefined ? '' : `?orderId=${orderId}`;
  const response = await fetch(`${simulatorUrl}/ledger${query}`);
  return ((await response.json()) as { entries: LedgerEntry[] }).entries;
}

/** One context for API and worker, or one for each with a database role of its own. */
function openContexts(config: Config, logger: Logger, hasRoles: boolean) {
  const open = (found: Config) =>
    openContext(
      found,
      logger,
      createProcessMetrics('order-saga-combined', () => []),
    );
  const context = open(hasRoles ? at(config, 'order_saga_worker') : config);
  return { context, apiContext: hasRoles ? open(at(config, 'order_saga_api')) : context };
}

/** The configuration for a process that logs in as a member of a role. */
function at(config: Config, role: DatabaseRole): Config {
  const urls = allAt(urlAs(role, config.database.urls.orders));
  return { ...config, database: { ...config.database, urls, isFenced: role === 'order_saga_api' } };
}

function same<Value>(value: Value): Value {
  return value;
}
