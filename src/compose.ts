import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { createDatabases, type Databases } from '../db/client.ts';
import { createRateLimitStore } from '../db/rate-limit-store.ts';
import { createCaseRepository } from '../db/repositories/case-repository.ts';
import { createCatalogRepository } from '../db/repositories/catalog-repository.ts';
import { createMessageRepository } from '../db/repositories/message-repository.ts';
import { createOrderRepository } from '../db/repositories/order-repository.ts';
import { createPaymentRepository } from '../db/repositories/payment-repository.ts';
import { createReservationRepository } from '../db/repositories/reservation-repository.ts';
import { createActivities, type Activities } from './activities/index.ts';
import { createApp } from './api/app.ts';
import { createTokenVerifier } from './api/auth.ts';
import { createBacklogMonitor } from './api/backlog.ts';
import type { EagerSlots } from './api/eager-slots.ts';
import { startHttpServer, type HttpServer } from './api/http-server.ts';
import { createApiMetrics } from './api/metrics.ts';
import { createOrderReader } from './api/order-reader.ts';
import { createOrderStarter } from './api/order-starter.ts';
import { RATE_WINDOW_SECONDS } from './api/rate-limit.ts';
import { createReadiness } from './api/readiness.ts';
import { createTemporalHealth } from './api/temporal-health.ts';
import type { Config } from './config.ts';
import { createContactSealer } from './domain/contact-sealer.ts';
import { createSmtpMailGateway, type MailGateway } from './gateways/mail-gateway.ts';
import type { PaymentGateway } from './gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from './gateways/simulator-payment-gateway.ts';
import type { Logger } from './logger.ts';
import { reportBreaker } from './temporal.ts';
import { createWorkerHost, type WorkerHost } from './worker-host.ts';
import type { Collaborator } from './workflows/contract.ts';

/**
 * The parts that the composition roots share: which object is built from which. The roots decide what runs in one
 * process, in which order it starts and in which order it ends.
 */

/** Connections to the outside that a process opens once. */
export interface Resources {
  readonly databases: Databases;
  readonly paymentGateway: PaymentGateway;
  readonly mail: MailGateway;
  /** Closes the pools; last, after everything that writes has ended. */
  close(): Promise<void>;
}

/** Opens what both the API and the worker talk to. */
export function openResources(config: Config, logger: Logger, applicationName: string): Resources {
  const databases = createDatabases(config.database.urls, {
    poolSize: config.database.poolSize,
    applicationName,
    onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection died'),
  });
  const onBreakerChange =
    (collaborator: Collaborator) =>
    (route: string, isOpen: boolean): void => {
      logger.warn({ collaborator, route }, isOpen ? 'the circuit breaker opened' : 'the circuit breaker closed');
      reportBreaker(collaborator, route, isOpen);
    };
  const mail = createSmtpMailGateway({ ...config.mail, onBreakerChange: onBreakerChange('notification') });
  return {
    databases,
    mail,
    paymentGateway: createSimulatorPaymentGateway({
      baseUrl: config.paymentGatewayUrl,
      onBreakerChange: onBreakerChange('payment'),
    }),
    close: async () => {
      mail.close();
      await databases.close();
    },
  };
}

/** The activities over real repositories and gateways. */
export function composeActivities(config: Config, { databases, paymentGateway, mail }: Resources): Activities {
  return createActivities({
    orders: createOrderRepository(databases.orders),
    cases: createCaseRepository(databases.orders),
    reservations: createReservationRepository(databases.inventory),
    payments: createPaymentRepository(databases.payments),
    messages: createMessageRepository(databases.notifications),
    gateway: paymentGateway,
    mail,
    sealer: createContactSealer(config.contactKeys),
  });
}

/** The workers of a process. */
export function composeWorkers(
  config: Config,
  logger: Logger,
  connection: NativeConnection,
  activities: Activities,
  onLocalPassEnded?: (workflowId: string) => void,
): Promise<WorkerHost> {
  return createWorkerHost({
    connection,
    namespace: config.temporal.namespace,
    queues: config.worker.queues,
    activities,
    bundlePath: config.worker.bundlePath,
    poolSize: config.database.poolSize,
    shutdownGraceMs: config.shutdownGraceMs,
    logger,
    ...(onLocalPassEnded === undefined ? {} : { onLocalPassEnded }),
  });
}

/** A running API. */
export interface Api {
  readonly server: HttpServer;
  /** Readiness turns `down`, long polls answer, requests under way end. */
  close(): Promise<void>;
}

/** Requests under way get this long at shutdown; long polls are answered at once. */
const HTTP_GRACE_MS = 5_000;

/** Builds the API and starts to listen. */
export async function startApi(
  config: Config,
  logger: Logger,
  resources: Resources,
  client: Client,
  eager: { readonly client: Client; readonly slots: EagerSlots } | null,
): Promise<Api> {
  const { databases } = resources;
  const { namespace, uiUrl } = config.temporal;
  const { backlogMaxAgeSeconds, rateLimitPerSecond } = config.api;
  const health = createTemporalHealth(client);
  const backlog = createBacklogMonitor(client, namespace);
  const metrics = createApiMetrics();
  const shutdown = new AbortController();
  const orders = createOrderRepository(databases.orders);
  observeState(metrics, { health, backlog, eager });
  const app = createApp({
    starter: createOrderStarter({ client, health, backlog, backlogMaxAgeSeconds, eager }),
    reader: createOrderReader({
      orders,
      reservations: createReservationRepository(databases.inventory),
      payments: createPaymentRepository(databases.payments),
      client,
      health,
      namespace,
      temporalUiUrl: uiUrl,
    }),
    orders,
    catalog: createCatalogRepository(databases.inventory),
    sealer: createContactSealer(config.contactKeys),
    settings: config.orderSettings,
    metrics,
    shutdown: shutdown.signal,
    readiness: createReadiness({
      pingDatabase: () => databases.ping(),
      pingPaymentGateway: () => resources.paymentGateway.ping(AbortSignal.timeout(1_000)),
      pingMail: () => resources.mail.ping(),
      temporal: health,
      backlog,
      backlogMaxAgeSeconds,
    }),
    isShuttingDown: () => shutdown.signal.aborted,
    verifyToken: createTokenVerifier(config.jwt),
    rateLimits: createRateLimitStore(databases.orders, {
      points: rateLimitPerSecond * RATE_WINDOW_SECONDS,
      windowSeconds: RATE_WINDOW_SECONDS,
    }),
    rateLimitPerSecond,
    logger,
  });
  health.start();
  backlog.start();
  const server = await startHttpServer({ fetch: app.fetch, host: config.api.host, port: config.api.port });
  return {
    server,
    close: async () => {
      shutdown.abort();
      await server.close(HTTP_GRACE_MS);
      health.stop();
      backlog.stop();
    },
  };
}

function observeState(
  metrics: ReturnType<typeof createApiMetrics>,
  state: {
    readonly health: ReturnType<typeof createTemporalHealth>;
    readonly backlog: ReturnType<typeof createBacklogMonitor>;
    readonly eager: { readonly slots: EagerSlots } | null;
  },
): void {
  metrics.observe('temporal_up', 'Whether Temporal answers, 1 or 0', () => (state.health.isUp() ? 1 : 0));
  metrics.observe('orders_backlog_age_seconds', 'Age of the oldest order on the task queue', state.backlog.ageSeconds);
  const { eager } = state;
  if (eager !== null) metrics.observe('eager_slots_in_use', 'Orders in their first local pass', eager.slots.inUse);
}
