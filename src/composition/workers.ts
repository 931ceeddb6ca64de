import { getClient } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { createDatabases, type Databases } from '../../db/client.ts';
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
import {
  createWaitingStepRepository,
  type WaitingStepRepository,
} from '../../db/repositories/orders/waiting-step-repository.ts';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createWebhookSubscriptionRepository } from '../../db/repositories/notifications/webhook-subscription-repository.ts';
import { createCommandCarrier } from '../temporal/command-carrier.ts';
import { createActivities, type Activities, type EventActivities } from '../activities/index.ts';
import { createWaitingSteps, type WaitingSteps } from '../activities/waiting-steps.ts';
import { createBackgroundLoop, type BackgroundLoop } from '../runtime/background-loop.ts';
import type { Config } from '../config.ts';
import { createContactSealer } from '../domain/personal-data/contact-sealer.ts';
import { createTextSealer } from '../domain/personal-data/text-sealer.ts';
import { CLOCK_CHECK_INTERVAL_MS, createClockMonitor, type ClockMonitor } from '../runtime/clock-monitor.ts';
import type { BreakerListener } from '../gateways/circuit-breaker.ts';
import { createSmtpMailGateway, type MailGateway } from '../gateways/mail-gateway.ts';
import { createHttpSmsGateway, type SmsGateway } from '../gateways/sms-gateway.ts';
import { createWebhookGateway, type WebhookGateway } from '../gateways/webhook-gateway.ts';
import type { PaymentGateway } from '../gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from '../gateways/simulator-payment-gateway.ts';
import { createStripePaymentGateway } from '../gateways/stripe/stripe-payment-gateway.ts';
import type { Logger } from '../runtime/logger.ts';
import { createOrderLog } from './order-log.ts';
import { createPaymentWaker } from '../temporal/payment-retrigger.ts';
import { createPaymentWatch, PAYMENT_WATCH_INTERVAL_MS } from '../activities/payments/payment-watch.ts';
import {
  countTextMessage,
  countWebhookAttempt,
  countWebhookDisabled,
  reportBreaker,
} from '../temporal/worker-metrics.ts';
import { createWorkerHost, type WorkerHost } from '../temporal/worker-host.ts';
import type { Collaborator } from '../domain/order-settings.ts';

/**
 * The parts that the composition roots share: which object is built from which. The roots decide what runs in one
 * process, in which order it starts and in which order it ends.
 */

/** Connections to the outside that a process opens once. */
export interface Resources {
  readonly databases: Databases;
  /** Compares this machine's clock with the database's until the resources are closed. */
  readonly clock: ClockMonitor;
  readonly paymentGateway: PaymentGateway;
  /** The steps that wait for it. */
  readonly waiting: { readonly repository: WaitingStepRepository; readonly steps: WaitingSteps };
  readonly mail: MailGateway;
  /** Null: no text messages are sent. */
  readonly sms: SmsGateway | null;
  readonly webhooks: WebhookGateway;
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
  const onBreakerChange = (collaborator: Collaborator): BreakerListener => breakerListener(logger, collaborator);
  const mail = createSmtpMailGateway({ ...config.mail, onBreakerChange: onBreakerChange('notification') });
  const { sms } = config;
  const webhooks = createWebhookGateway({ allowPrivate: config.webhooks.allowPrivate });
  const repository = createWaitingStepRepository(databases.payments);
  const clock = createClockMonitor({ readServerTime: () => databases.orders.now(), logger });
  const clockLoop = createBackgroundLoop(CLOCK_CHECK_INTERVAL_MS, clock.look);
  clockLoop.start();
  return {
    databases,
    clock,
    mail,
    sms: sms === null ? null : createHttpSmsGateway({ ...sms, onBreakerChange: onBreakerChange('notification') }),
    webhooks,
    paymentGateway: openPaymentGateway(config, onBreakerChange('payment')),
    waiting: { repository, steps: createWaitingSteps(repository) },
    close: async () => {
      clockLoop.stop();
      mail.close();
      await webhooks.close();
      await databases.close();
    },
  };
}

/** Logs and shows when a breaker around a collaborator opens or closes. */
export function breakerListener(logger: Logger, collaborator: string): BreakerListener {
  return (route, isOpen) => {
    logger.warn({ collaborator, breaker: route }, isOpen ? 'the circuit breaker opened' : 'the circuit breaker closed');
    reportBreaker(collaborator, route, isOpen);
  };
}

function openPaymentGateway({ payment }: Config, onBreakerChange: BreakerListener): PaymentGateway {
  return payment.provider === 'stripe'
    ? createStripePaymentGateway({ ...payment, onBreakerChange })
    : createSimulatorPaymentGateway({ baseUrl: payment.simulatorUrl, onBreakerChange });
}

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
