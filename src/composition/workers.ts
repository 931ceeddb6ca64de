import { getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createDecisionRepository } from '../../db/repositories/orders/decision-repository.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createOperatorAlertRepository } from '../../db/repositories/notifications/operator-alert-repository.ts';
import { createNoticeRepository } from '../../db/repositories/payments/notice-repository.ts';
import { createOperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentHistoryRepository } from '../../db/repositories/payments/payment-history-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createCommandRestarter } from '../temporal/command-restarter.ts';
import { createAudit } from '../audit/audit.ts';
import type { StepListener } from '../activities/fast-path.ts';
import { createActivities, type Activities } from '../activities/index.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../runtime/background-loop.ts';
import { createContactSealer } from '../domain/personal-data/contact-sealer.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';
import { createOrderLog } from './order-log.ts';
import { composeEventPipeline } from './event-pipeline.ts';
import type { ProcessContext } from './resources.ts';
import { connectNatively, createEagerClient } from '../temporal/connection.ts';
import { createPaymentRetrigger } from '../temporal/payment-retrigger.ts';
import { createPaymentWatch, PAYMENT_WATCH_INTERVAL_MS } from '../activities/payments/payment-watch.ts';
import {
  countTextMessage,
  countTransition,
  countWebhookAttempt,
  countWebhookDisabled,
} from '../temporal/worker-metrics.ts';
import { workflowAgeSeconds } from '../temporal/activity-interceptors.ts';
import { createWorkerHost } from '../temporal/worker-host.ts';
import { sealedField } from './sealed-fields.ts';

/** The activities over real repositories and gateways. */
export function composeActivities({ config, resources, logger, client }: ProcessContext): Activities {
  const { databases, paymentGateway, mail, sms, webhooks } = resources;
  const onMove = createOrderLog(logger, (move) => countTransition(move, workflowAgeSeconds()));
  const addresses = sealedField(config, 'webhook-addresses');
  return createActivities({
    orders: createOrderRepository(databases.orders, onMove),
    cases: createCaseRepository(databases.orders),
    decisions: createDecisionRepository(databases.orders),
    actions: createOperatorActionRepository(databases.orders),
    commands: createCommandRepository(databases.orders, onMove),
    reservations: createReservationRepository(databases.inventory),
    payments: createPaymentRepository(databases.payments),
    paymentHistory: createPaymentHistoryRepository(databases.payments),
    messages: createMessageRepository(databases.notifications),
    operatorAlerts: createOperatorAlertRepository(databases.notifications),
    operatorMail: config.operatorMail,
    notices: createNoticeRepository(databases.payments),
    retrigger: createPaymentRetrigger(getClient),
    // Only the simulator shows its ledger, and reading all of it is too much for a run every few minutes.
    audit: createAudit({ databases, client, paymentGatewayUrl: null }),
    restarter: createCommandRestarter(config.orderSettings),
    noticePolicy: config.notices,
    settings: config.orderSettings,
    gateway: paymentGateway,
    waitingSteps: resources.waiting.steps,
    mail,
    sealer: createContactSealer(config.contactKeys),
    sms,
    onTextMessage: countTextMessage,
    webhooks: {
      subscriptions: createWebhookSubscriptionRepository(databases.notifications, addresses),
      deliveries: createWebhookDeliveryRepository(databases.notifications, addresses),
      gateway: webhooks,
      sealer: createTextSealer(config.contactKeys),
      disableAfterSeconds: config.webhooks.disableAfterSeconds,
      onAttempt: countWebhookAttempt,
      onDisabled: countWebhookDisabled,
    },
  });
}

/** Wakes the steps that wait for the payment provider when it is back; null if no payment step runs in this process. */
function composePaymentWatch({ config, logger, resources, client }: ProcessContext): BackgroundLoop | null {
  const { waiting, paymentGateway } = resources;
  if (!config.worker.queues.includes('payments')) return null;
  const retrigger = createPaymentRetrigger(() => client);
  const watch = createPaymentWatch({ ...waiting, gateway: paymentGateway, retrigger, logger });
  const loop = createBackgroundLoop(PAYMENT_WATCH_INTERVAL_MS, watch.look);
  return {
    start: loop.start,
    stop: () => {
      loop.stop();
      watch.stop();
    },
  };
}

interface StartWorkerOptions {
  /** `composeActivities` by default. */
  readonly activities?: Activities;
  /**
   * Called when an order's first fast path is over: it ended, or a step failed and continues as a regular activity.
   */
  readonly onFastPathEnded?: (workflowId: string) => void;
  /** Called after each try of a step. */
  readonly onStep?: StepListener;
}

/** The workers of one process, with the parts that run beside them. */
export interface RunningWorker {
  /** Resolves when all workers have ended; rejects when a worker has failed. */
  readonly finished: Promise<void>;
  /** Starts orders on the connection of the workers, so that the answer contains their first workflow task. */
  readonly eagerClient: Client;
  /** The SDK's state of each worker, by task queue: `RUNNING` while it polls. */
  states(): Readonly<Record<string, string>>;
  /** Takes no new work, and waits for the steps under way. The connection stays open for an API that uses it. */
  shutDown(): Promise<void>;
  /** Closes the connections, after `shutDown`. */
  close(): Promise<void>;
}

/** Starts the workers of a process for the configured queues. */
export async function startWorker(context: ProcessContext, options: StartWorkerOptions = {}): Promise<RunningWorker> {
  const { config, logger } = context;
  const { activities = composeActivities(context), ...listeners } = options;
  const { namespace } = config.temporal;
  const connection = await connectNatively(config.temporal);
  const paymentWatch = composePaymentWatch(context);
  const events = config.worker.queues.includes('events') ? composeEventPipeline(context) : null;
  const workers = await createWorkerHost({
    connection,
    namespace,
    sealing: config.temporal.sealing,
    deployment: config.deployment,
    queues: config.worker.queues,
    activities,
    eventActivities: events?.activities ?? null,
    bundlePath: config.worker.bundlePath,
    poolSize: config.database.poolSize,
    shutdownGraceMs: config.shutdownGraceMs,
    logger,
    ...listeners,
  });
  events?.start();
  paymentWatch?.start();
  return {
    finished: workers.run(),
    eagerClient: createEagerClient(connection, config.temporal),
    states: workers.states,
    shutDown: async () => {
      events?.handOver();
      paymentWatch?.stop();
      workers.shutdown();
      await workers.ended;
    },
    close: async () => {
      await events?.close();
      await connection.close();
    },
  };
}
