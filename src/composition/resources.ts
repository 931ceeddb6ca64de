import type { Client } from '@temporalio/client';
import { createDatabases, type Databases } from '../../db/client.ts';
import {
  createWaitingStepRepository,
  type WaitingStepRepository,
} from '../../db/repositories/orders/waiting-step-repository.ts';
import { createWaitingSteps, type WaitingSteps } from '../activities/waiting-steps.ts';
import type { Config } from '../config.ts';
import { watchAnswers, type WatchedPaymentGateway } from '../gateways/answer-watch.ts';
import type { BreakerListener } from '../gateways/circuit-breaker.ts';
import { createSmtpMailGateway, type MailGateway } from '../gateways/mail-gateway.ts';
import type { PaymentGateway } from '../gateways/payment-gateway.ts';
import { createSimulatorPaymentGateway } from '../gateways/simulator-payment-gateway.ts';
import { createHttpSmsGateway, type SmsGateway } from '../gateways/sms-gateway.ts';
import { createStripePaymentGateway } from '../gateways/stripe/stripe-payment-gateway.ts';
import { traceMail, tracePayments, traceTexts, traceWebhooks } from '../gateways/traced-gateways.ts';
import { createWebhookGateway, type WebhookGateway } from '../gateways/webhook-gateway.ts';
import { createBackgroundLoop } from '../runtime/background-loop.ts';
import { CLOCK_CHECK_INTERVAL_MS, createClockMonitor, type ClockMonitor } from '../runtime/clock-monitor.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics/metrics.ts';
import { poolFigures } from './process-metrics.ts';
import { observeBuild, observeClock } from './process-metrics.ts';
import { createTemporalClient } from '../temporal/connection.ts';
import { reportTlsFault } from '../temporal/link-check.ts';
import { reportBreaker } from '../temporal/worker-metrics.ts';
import type { Collaborator } from '../domain/order-settings.ts';

/** What a process has before it opens connections. */
export interface ProcessBasis {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The objects that a process has once; its API and its worker are built from them. */
export interface ProcessContext extends ProcessBasis {
  readonly resources: Resources;
  readonly client: Client;
}

/**
 * Opens the connections of a process without waiting: each is made when it is first used. The databases know the process
 * by the name that its metrics have.
 */
export function openContext(config: Config, logger: Logger, metrics: Metrics): ProcessContext {
  void reportTlsFault(config.temporal, logger);
  const resources = openResources(config, logger, metrics.serviceName);
  metrics.observeProcess(poolFigures(resources.databases));
  observeClock(metrics, resources.clock);
  observeBuild(metrics, config.deployment);
  return {
    config,
    logger,
    resources,
    client: createTemporalClient(config.temporal),
    metrics,
  };
}

/** Connections to the outside that a process opens once. */
export interface Resources {
  readonly databases: Databases;
  /** Compares this machine's clock with the database's until the resources are closed. */
  readonly clock: ClockMonitor;
  readonly paymentGateway: WatchedPaymentGateway;
  /** The steps that wait for the payment provider. */
  readonly waiting: { readonly repository: WaitingStepRepository; readonly steps: WaitingSteps };
  readonly mail: MailGateway;
  /** Null when no text messages are sent. */
  readonly sms: SmsGateway | null;
  readonly webhooks: WebhookGateway;
  /** Closes the pools; called last, after every writer has ended. */
  close(): Promise<void>;
}

function openResources(config: Config, logger: Logger, applicationName: string): Resources {
  const databases = createDatabases(config.database.urls, {
    poolSize: config.database.poolSize,
    applicationName,
    isFenced: config.database.isFenced,
    onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection died'),
  });
  const onBreakerChange = (collaborator: Collaborator): BreakerListener => breakerListener(logger, collaborator);
  const mail = traceMail(createSmtpMailGateway({ ...config.mail, onBreakerChange: onBreakerChange('notification') }));
  const { sms } = config;
  const webhooks = traceWebhooks(createWebhookGateway({ allowPrivate: config.webhooks.allowPrivate }));
  const repository = createWaitingStepRepository(databases.payments);
  const clock = createClockMonitor({ readServerTime: () => databases.orders.now(), logger });
  const clockLoop = createBackgroundLoop(CLOCK_CHECK_INTERVAL_MS, clock.look);
  clockLoop.start();
  return {
    databases,
    clock,
    mail,
    sms:
      sms === null
        ? null
        : traceTexts(createHttpSmsGateway({ ...sms, onBreakerChange: onBreakerChange('notification') })),
    webhooks,
    paymentGateway: watchAnswers(tracePayments(openPaymentGateway(config, onBreakerChange('payment')))),
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
