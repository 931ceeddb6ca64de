import { getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { createCaseRepository } from '../../db/repositories/orders/case-repository.ts';
import { createCommandRepository } from '../../db/repositories/orders/command-repository.ts';
import { createDecisionRepository } from '../../db/repositories/orders/decision-repository.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createNoticeRepository } from '../../db/repositories/payments/notice-repository.ts';
import { createOperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentHistoryRepository } from '../../db/repositories/payments/payment-history-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createCommandCarrier } from '../temporal/command-carrier.ts';
import { createActivities, type Activities, type EventActivities } from '../activities/index.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../runtime/background-loop.ts';
import type { Config } from '../config.ts';
import { createContactSealer } from '../domain/personal-data/contact-sealer.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';
import type { Logger } from '../runtime/logger.ts';
import { createOrderLog } from './order-log.ts';
import type { Resources } from './resources.ts';
import { createPaymentWaker } from '../temporal/payment-retrigger.ts';
import { createPaymentWatch, PAYMENT_WATCH_INTERVAL_MS } from '../activities/payments/payment-watch.ts';
import { countTextMessage, countWebhookAttempt, countWebhookDisabled } from '../temporal/worker-metrics.ts';
import { createWorkerHost, type WorkerHost } from '../temporal/worker-host.ts';

/**
 * The parts that the composition roots share: which object is built from which. The roots decide what runs in one
 * process, in which order it starts and in which order it ends.
 */

/** The activities over real repositories and gateways. */
export function composeActivities(config: Config, resources: Resources, logger: Logger): Activities {
  const { databases, paymentGateway, mail, sms, webhooks } = resources;
  const onMove = createOrderLog(logger);
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
    notices: createNoticeRepository(databases.payments),
    waker: createPaymentWaker(getClient),
    carrier: createCommandCarrier(config.orderSettings),
    noticePolicy: config.notices,
    settings: config.orderSettings,
    gateway: paymentGateway,
    waitingSteps: resources.waiting.steps,
    mail,
    sealer: createContactSealer(config.contactKeys),
    sms,
    onTextMessage: countTextMessage,
    webhooks: {
      subscriptions: createWebhookSubscriptionRepository(databases.notifications),
      deliveries: createWebhookDeliveryRepository(databases.notifications),
      gateway: webhooks,
      sealer: createTextSealer(config.contactKeys),
      disableAfterSeconds: config.webhooks.disableAfterSeconds,
      onAttempt: countWebhookAttempt,
      onDisabled: countWebhookDisabled,
    },
  });
}

/** Wakes what waits for the payment provider when it is back; null where no payment step runs. */
export function composePaymentWatch(
  config: Config,
  logger: Logger,
  { waiting, paymentGateway }: Resources,
  client: Client,
): BackgroundLoop | null {
  if (!config.worker.queues.includes('payments')) return null;
  const waker = createPaymentWaker(() => client);
  const watch = createPaymentWatch({ ...waiting, gateway: paymentGateway, waker, logger });
  const loop = createBackgroundLoop(PAYMENT_WATCH_INTERVAL_MS, watch.look);
  return {
    start: loop.start,
    stop: () => {
      loop.stop();
      watch.stop();
    },
  };
}

/** The workers of a process. */
export function composeWorkers(
  config: Config,
  logger: Logger,
  connection: NativeConnection,
  { activities, eventActivities }: { activities: Activities; eventActivities: EventActivities | null },
  onLocalPassEnded?: (workflowId: string) => void,
): Promise<WorkerHost> {
  return createWorkerHost({
    connection,
    namespace: config.temporal.namespace,
    queues: config.worker.queues,
    activities,
    eventActivities,
    bundlePath: config.worker.bundlePath,
    poolSize: config.database.poolSize,
    shutdownGraceMs: config.shutdownGraceMs,
    logger,
    ...(onLocalPassEnded === undefined ? {} : { onLocalPassEnded }),
  });
}
