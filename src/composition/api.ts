import type { Client } from '@temporalio/client';
import type { Databases } from '../../db/client.ts';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createCustomerErasureRepository } from '../../db/repositories/orders/customer-erasure-repository.ts';
import { createDecisionRepository } from '../../db/repositories/orders/decision-repository.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import {
  createEventLogRepository,
  type EventLogRepository,
} from '../../db/repositories/events/event-log-repository.ts';
import { createEventControlRepository } from '../../db/repositories/events/event-control-repository.ts';
import { createEventRequestRepository } from '../../db/repositories/events/event-request-repository.ts';
import { createEventViewRepository } from '../../db/repositories/events/event-view-repository.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createNoticeRepository } from '../../db/repositories/payments/notice-repository.ts';
import { createAuditTrailRepository } from '../../db/repositories/audit/audit-trail-repository.ts';
import { createOperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentHistoryRepository } from '../../db/repositories/payments/payment-history-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createStatsRepository } from '../../db/repositories/orders/stats-repository.ts';
import { createApp } from '../api/app.ts';
import type { PublicFetch } from '../api/internal/internal-app.ts';
import { createTokenVerifier } from '../api/access/auth.ts';
import { createBacklogMonitor } from '../temporal/backlog.ts';
import type { EagerSlots } from '../api/orders/eager-slots.ts';
import { startHttpServer, type HttpServer, type HttpsOptions, type RefusedRequest } from '../api/http/http-server.ts';
import { createApiMetrics } from '../api/http/metrics.ts';
import { createEventHistory } from '../api/console/event-history.ts';
import { createEventOperations } from '../api/events/event-operations.ts';
import { createEventOverview } from '../api/events/event-overview.ts';
import { createEventMonitor, createEventOutcomeMonitor } from '../api/events/event-monitor.ts';
import { createEventIntake, type EventIntake } from '../api/events/event-intake.ts';
import { createEventMetrics, type EventMetrics } from '../api/events/event-metrics.ts';
import { createCaseResolution } from '../api/cases/case-resolution.ts';
import { createMessageResend } from '../api/messages/message-resend.ts';
import { notingActs } from '../api/request-outcome.ts';
import { createNoticeIntake } from '../api/payment-notices/notice-intake.ts';
import { createCustomerErasure } from '../api/orders/customer-erasure.ts';
import { createOrderCommander } from '../api/orders/order-commands.ts';
import { createOrderExplainer } from '../api/orders/insight/order-explanation.ts';
import { createOrderList } from '../api/orders/order-list.ts';
import { createOrderReader } from '../api/orders/order-reader.ts';
import { createOrderStarter } from '../api/orders/order-starter.ts';
import { createOrderInsight } from '../api/orders/insight/order-insight.ts';
import { createOverviewFeed } from '../api/console/overview-feed.ts';
import type { WebhookRoutesDeps } from '../api/webhooks/webhook-routes.ts';
import { REFUSAL_REASONS } from '../api/access/refusals.ts';
import { createDependencyMonitor } from '../api/operations/dependency-monitor.ts';
import { createServiceMonitor } from '../api/operations/service-monitor.ts';
import { createServiceFiguresRepository } from '../../db/repositories/audit/service-figures.ts';
import { createAuditMonitor } from '../audit/latest-audit.ts';
import { composeAdmission, tellEarlyRefusals, type AdmissionParts } from './admission.ts';
import { observeAudit, observeQueues, observeService, observeState } from './api-metrics.ts';
import { createReadiness } from '../api/operations/readiness.ts';
import { createTaskQueues, type TaskQueues } from '../temporal/task-queues.ts';
import { createUnopenedOrders } from '../temporal/unopened-orders.ts';
import { createWebhookOperations } from '../api/webhooks/webhook-subscriptions.ts';
import { createPayloadTranslator } from '../temporal/sealing/payload-json.ts';
import { createTemporalHealth } from '../temporal/health.ts';
import type { Config } from '../config.ts';
import { createContactSealer } from '../domain/personal-data/contact-sealer.ts';
import type { PaymentProvider, PaymentWebhook } from '../domain/payments/payment-notice.ts';
import { createSimulatorWebhook } from '../gateways/simulator-webhook.ts';
import { createStripeWebhook } from '../gateways/stripe/stripe-webhook.ts';
import { createRequestHasher } from '../domain/personal-data/request-hash.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';
import { webhookUrlProblem } from '../gateways/webhook-address.ts';
import type { OrderMoveListener } from '../domain/order-move.ts';
import { createOrderLog } from './order-log.ts';
import { wakeWebhookQueue } from '../temporal/workflow-starts.ts';
import { isOrderId } from '../domain/ids.ts';
import { linkTrace } from '../runtime/tracing/spans.ts';
import { createCaseMonitor } from '../api/cases/case-monitor.ts';
import { createCommandMonitor } from '../api/orders/command-monitor.ts';
import type { ApiMetrics } from '../api/http/metrics.ts';
import type { BacklogMonitor } from '../temporal/backlog.ts';
import type { TemporalHealth } from '../temporal/health.ts';
import type { ProcessContext } from './resources.ts';
import { sealedField } from './sealed-fields.ts';

/** The parts that start orders eagerly: the client of a worker in the same process, and the slots for fast paths. */
export interface EagerStarts {
  readonly client: Client;
  readonly slots: EagerSlots;
}

/** A running API. */
export interface Api {
  readonly server: HttpServer;
  /** Answers a request that came in by another port. */
  readonly fetch: PublicFetch;
  /** Readiness turns `down`; requests are still answered. */
  announceEnd(): void;
  /** Readiness turns `down`, long polls are answered, and requests under way end. */
  close(): Promise<void>;
}

/** Requests under way get this long at shutdown; long polls are answered at once. */
const HTTP_GRACE_MS = 5_000;

/** Builds the API and starts to listen. */
export async function startApi(context: ProcessContext, eager: EagerStarts | null): Promise<Api> {
  const { config, logger, resources, client } = context;
  const monitors = {
    health: createTemporalHealth(client),
    backlog: createBacklogMonitor(client, config.temporal.namespace),
    cases: createCaseMonitor(createCaseRepository(resources.databases.orders)),
    owned: createCommandMonitor(createCommandRepository(resources.databases.orders)),
    eventProgress: createEventMonitor(
      createEventControlRepository(resources.databases.events),
      config.events.partitions,
    ),
    eventOutcomes: createEventOutcomeMonitor(createEventControlRepository(resources.databases.events)),
    service: createServiceMonitor(createServiceFiguresRepository(resources.databases)),
    dependencies: createDependencyMonitor(resources),
    audit: createAuditMonitor(client),
  };
  eager?.slots.watchBacklog(monitors.backlog.ageSeconds);
  const taskQueues = createTaskQueues(client, config.temporal.namespace);
  const metrics = createApiMetrics(context.metrics, { refusalReasons: REFUSAL_REASONS });
  const shutdown = new AbortController();
  let isEndAnnounced = false;
  observeState(metrics, { ...monitors, eager });
  observeQueues(metrics, taskQueues);
  observeService(metrics, monitors);
  observeAudit(metrics, monitors.audit, config.audit);
  logger.onDropped(metrics.logLinesDropped);
  const eventMetrics = createEventMetrics(metrics);
  const log = createEventLogRepository(
    resources.databases.events,
    config.events.partitions,
    sealedField(config, 'event-properties'),
  );
  const intake = createEventIntake({ log, onAppended: eventMetrics.appended });
  const events = { log, intake, eventMetrics };
  const admission = composeAdmission(context, { slots: eager?.slots ?? null, intake });
  const parts = { ...context, admission, eager, metrics, events, taskQueues, ...monitors };
  const app = composeApp({
    ...parts,
    shutdown: shutdown.signal,
    isShuttingDown: () => isEndAnnounced || shutdown.signal.aborted,
  });
  for (const monitor of Object.values(monitors)) monitor.start();
  const { host, port } = config.api;
  const onRefused = (refused: RefusedRequest): void => {
    if (config.logsRequests) logger.warn({ ...refused }, 'request');
  };
  const server = await startHttpServer({
    fetch: app.fetch,
    host,
    port,
    portVariable: 'API_PORT',
    onRefused,
    early: { refusalOf: admission.refusalOf, onRefused: tellEarlyRefusals(metrics, logger) },
    tls: tlsOf(context),
  });
  logger.info({ port: server.port }, 'listening');
  return {
    server,
    fetch: app.fetch,
    announceEnd: () => {
      isEndAnnounced = true;
    },
    close: async () => {
      shutdown.abort();
      await server.close(HTTP_GRACE_MS);
      await intake.close();
      for (const monitor of Object.values(monitors)) monitor.stop();
    },
  };
}

function tlsOf({ config, logger }: ProcessContext): HttpsOptions | null {
  const files = config.api.tls;
  if (files === null) return null;
  return {
    files,
    onReplaced: () => logger.info('the API has a new certificate'),
    onFault: (err) => logger.error({ err }, 'the new certificate of the API cannot be used, the old one stays'),
  };
}

interface AppParts extends ProcessContext {
  readonly admission: AdmissionParts;
  readonly eager: EagerStarts | null;
  readonly metrics: ApiMetrics;
  readonly health: TemporalHealth;
  readonly backlog: BacklogMonitor;
  readonly taskQueues: TaskQueues;
  readonly events: {
    readonly log: EventLogRepository;
    readonly intake: EventIntake;
    readonly eventMetrics: EventMetrics;
  };
  readonly shutdown: AbortSignal;
  readonly isShuttingDown: () => boolean;
}

function composeApp(parts: AppParts) {
  const { config, logger, resources, client, eager, metrics, health, backlog, taskQueues } = parts;
  const { admission, shutdown, isShuttingDown } = parts;
  const { databases } = resources;
  const { namespace, uiUrl, sealing } = config.temporal;
  const { backlogMaxAgeSeconds, unauthenticatedPerSecond, trustedHops } = config.api;
  const repositories = openRepositories(databases, createOrderLog(logger, metrics.orderMoved));
  const { catalog, cases, actions, trail } = repositories;
  const keyed = composeKeyed(config);
  const { capabilities } = resources.paymentGateway;
  const settings = { ...config.orderSettings, authorizationSeconds: capabilities.authorizationSeconds };
  const events = composeEventRoutes(parts);
  const workflowUrl = (workflowId: string) =>
    `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  const { cancelWindowSeconds } = settings;
  const around = { ...repositories, client, health, capabilities, workflowUrl };
  const reader = createOrderReader({ ...around, cancelWindowSeconds });
  return createApp({
    starter: createOrderStarter({
      client,
      health,
      backlog,
      backlogMaxAgeSeconds,
      eager,
      onStarted: metrics.orderStarted,
    }),
    reader,
    list: createOrderList({ ...around, reader, unopened: createUnopenedOrders({ client, health, taskQueues }) }),
    insight: createOrderInsight(repositories),
    explainer: createOrderExplainer({ ...around, reader, taskQueues }),
    commander: createOrderCommander({ ...around, reader, settings }),
    noticeIntake: createNoticeIntake({ ...around, settings, logger, webhooks: webhooksOf(config) }),
    messageResend: createMessageResend(around),
    cases,
    resolution: createCaseResolution(around),
    workflowUrl,
    webUiUrl: uiUrl,
    payloads: sealing === null ? null : createPayloadTranslator(sealing),
    ...composeWebhooks(parts, repositories),
    actions,
    trail,
    erasure: createCustomerErasure({ ...repositories, ...keyed }),
    catalog,
    ...keyed,
    capabilities,
    settings,
    metrics,
    overview: createOverviewFeed(createStatsRepository(databases.orders), createEventHistory(events.eventOverview)),
    shutdown,
    readiness: composeReadiness(parts),
    isShuttingDown,
    verifyToken: createTokenVerifier(config.jwt, admission.tokens),
    requestBudget: admission.requestBudget,
    unauthenticatedPerSecond,
    trustedHops,
    operatorPort: config.operatorPort,
    ...events,
    logger,
    logsRequests: config.logsRequests,
  });
}

function composeReadiness({ config, resources, health, backlog, taskQueues }: AppParts) {
  return createReadiness({
    pingDatabase: () => resources.databases.ping(),
    pingPaymentGateway: () => resources.paymentGateway.ping(AbortSignal.timeout(1_000)),
    pingMail: () => resources.mail.ping(),
    temporal: health,
    backlog,
    backlogMaxAgeSeconds: config.api.backlogMaxAgeSeconds,
    clock: resources.clock,
    taskQueues,
  });
}

function openRepositories({ orders, inventory, payments, notifications }: Databases, onMove: OrderMoveListener) {
  return {
    orders: createOrderRepository(orders, onMove),
    cases: createCaseRepository(orders),
    commands: createCommandRepository(orders, onMove),
    decisions: createDecisionRepository(orders),
    actions: notingActs(createOperatorActionRepository(orders)),
    trail: createAuditTrailRepository(orders),
    erasures: createCustomerErasureRepository(orders),
    reservations: createReservationRepository(inventory),
    catalog: createCatalogRepository(inventory),
    payments: createPaymentRepository(payments),
    paymentHistory: createPaymentHistoryRepository(payments),
    notices: createNoticeRepository(payments),
    messages: createMessageRepository(notifications),
  };
}

/** Objects that keep customer data from readers of rows and histories. */
function composeKeyed({ contactKeys }: Config) {
  return { sealer: createContactSealer(contactKeys), hasher: createRequestHasher(contactKeys) };
}

/** Builds the dependencies of the routes of events. */
function composeEventRoutes({ config, resources, admission, events: { log, ...events } }: AppParts) {
  const { orders, events: db } = resources.databases;
  const control = createEventControlRepository(db);
  const overview = createEventOverview(control);
  const actions = notingActs(createOperatorActionRepository(orders));
  return {
    ...events,
    eventRequests: createEventRequestRepository(db),
    events: createEventViewRepository(db, sealedField(config, 'event-properties')),
    eventOperations: createEventOperations({ control, overview, log, actions }),
    eventOverview: overview,
    eventBudget: admission.eventBudget,
  };
}

/** Only the provider in use reports, and only if its secret is configured. */
function webhooksOf({ payment }: Config): Partial<Record<PaymentProvider, PaymentWebhook>> {
  const { provider, webhookSecret: secret } = payment;
  if (secret === null) return {};
  return provider === 'stripe'
    ? { stripe: createStripeWebhook({ secret }) }
    : { simulator: createSimulatorWebhook({ secret }) };
}

function composeWebhooks(
  { config, resources, client }: AppParts,
  { actions, orders }: Pick<ReturnType<typeof openRepositories>, 'actions' | 'orders'>,
): WebhookRoutesDeps {
  const database = resources.databases.notifications;
  const addresses = sealedField(config, 'webhook-addresses');
  const webhookSubscriptions = createWebhookSubscriptionRepository(database, addresses);
  const webhookDeliveries = createWebhookDeliveryRepository(database, addresses);
  const webhookOperations = createWebhookOperations({
    subscriptions: webhookSubscriptions,
    deliveries: webhookDeliveries,
    actions,
    sealer: createTextSealer(config.contactKeys),
    hasher: createRequestHasher(config.contactKeys),
    urlProblem: (url) => webhookUrlProblem(url, config.webhooks.allowPrivate),
    sendNow: async (queue, deliveryId) => {
      const owner = isOrderId(queue.key) ? await orders.findOwner(queue.key) : null;
      const traceparent = owner?.traceparent ?? null;
      linkTrace(traceparent);
      await wakeWebhookQueue(client, queue, { deliveryId, traceparent });
    },
  });
  return { webhookSubscriptions, webhookDeliveries, webhookOperations };
}
