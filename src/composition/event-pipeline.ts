import { hostname } from 'node:os';
import { createEventListener } from '../../db/repositories/events/event-listener.ts';
import { createEventConsumerRepository } from '../../db/repositories/events/event-consumer-repository.ts';
import { createEventControlRepository } from '../../db/repositories/events/event-control-repository.ts';
import { createEventLogRepository } from '../../db/repositories/events/event-log-repository.ts';
import { createFailureOutboxRepository } from '../../db/repositories/events/failure-outbox-repository.ts';
import { createOperatorAlertRepository } from '../../db/repositories/notifications/operator-alert-repository.ts';
import { createOrderArchive } from '../../db/repositories/order-archive.ts';
import { createEventOutboxRepository } from '../../db/repositories/orders/event-outbox-repository.ts';
import { createNotificationRetention } from '../../db/repositories/notifications/notification-retention.ts';
import { createEndedOrders } from '../../db/repositories/orders/ended-orders.ts';
import { createPaymentRetention } from '../../db/repositories/payments/payment-retention.ts';
import { createWebhookDeliveryRepository } from '../../db/repositories/notifications/webhook-delivery-repository.ts';
import { createEventWakeups } from '../activities/events/event-wakeups.ts';
import { createAllEventActivities, type EventActivities } from '../activities/index.ts';
import { createBackgroundLoop } from '../runtime/background-loop.ts';
import { breakerListener, type ProcessContext } from './resources.ts';
import { countArchivedOrders } from '../temporal/worker-metrics.ts';
import { createEventObserver } from '../temporal/event-observer.ts';
import { EventFailure } from '../events/event-failure.ts';
import { EVENT_TYPE_NAMES } from '../events/event-types.ts';
import type { EventPorts } from '../events/ports.ts';
import { createHttpAlertGateway } from '../gateways/alert-gateway.ts';
import { ensureEventPumps } from '../temporal/bootstrap.ts';
import { wakeWebhookQueue } from '../temporal/workflow-starts.ts';
import { createWebhookPublisher } from '../activities/webhooks/webhook-publisher.ts';
import { sealedField } from './sealed-fields.ts';

/** The part of a worker that processes events. */
export interface EventPipeline {
  readonly activities: EventActivities;
  start(): void;
  /** Finishes the current batches, so that other workers continue at once. Call it before the worker is shut down. */
  handOver(): void;
  close(): Promise<void>;
}

/** The pumps are workflows that a person may terminate: after this time they are checked again. */
const ENSURE_PUMPS_MS = 60_000;

/** Builds the event pipeline of a worker. */
export function composeEventPipeline(context: ProcessContext): EventPipeline {
  const { config, logger, resources, client } = context;
  const { databases } = resources;
  const workerId = `${hostname()}:${process.pid}`;
  const contents = sealedField(config, 'event-properties');
  const log = createEventLogRepository(databases.events, config.events.partitions, contents);
  const listener = createEventListener(config.database.urls.events, (error) =>
    logger.warn({ err: error }, 'the listener for events lost its connection'),
  );
  const wakeups = createEventWakeups();
  listener.onAppended(wakeups.wake);
  const stopping = new AbortController();
  const pumps = createBackgroundLoop(ENSURE_PUMPS_MS, async () => {
    try {
      await ensureEventPumps(client, await log.countPartitions());
    } catch (error) {
      logger.warn({ err: error }, 'the event pumps could not be looked for');
    }
  });
  return {
    activities: createAllEventActivities({
      log,
      wakeups,
      workerId,
      repository: createEventConsumerRepository(databases.events, contents),
      control: createEventControlRepository(databases.events),
      deliveries: createWebhookDeliveryRepository(databases.notifications),
      outbox: createEventOutboxRepository(databases.orders),
      failures: createFailureOutboxRepository(databases.events),
      alerts: config.operatorMail === null ? null : createOperatorAlertRepository(databases.notifications),
      promises: {
        capabilities: resources.paymentGateway.capabilities,
        cancelWindowSeconds: config.orderSettings.cancelWindowSeconds,
      },
      observe: createEventObserver(logger, { workerId, types: EVENT_TYPE_NAMES }),
      ports: composePorts(context),
      retentionDays: config.events.retentionDays,
      keptDays: config.storedData.retentionDays,
      retention: {
        endedOrders: createEndedOrders(databases.orders),
        payments: createPaymentRetention(databases.payments),
        notifications: createNotificationRetention(databases.notifications),
      },
      archive: createOrderArchive(databases),
      onArchived: countArchivedOrders,
      archiveAfterDays: config.storedData.archiveAfterDays,
      retries: config.events.retries,
      stopping: stopping.signal,
    }),
    start: () => {
      listener.start();
      pumps.start();
    },
    handOver: () => {
      pumps.stop();
      stopping.abort();
    },
    close: () => listener.close(),
  };
}

function composePorts({ config, logger, resources, client }: ProcessContext): EventPorts {
  const { highValueAlertUrl } = config.events;
  const alerts =
    highValueAlertUrl === null ? null : createHttpAlertGateway(highValueAlertUrl, breakerListener(logger, 'alerts'));
  return {
    alertOfPurchase: async (purchase, idempotencyKey) => {
      try {
        await alerts?.send(idempotencyKey, { type: 'high_value_purchase', ...purchase });
      } catch (error) {
        throw new EventFailure('effect_unavailable', 'the receiver of alerts did not take it', { cause: error });
      }
    },
    ...createWebhookPublisher({
      repository: createWebhookDeliveryRepository(resources.databases.notifications),
      wake: (queue, origin) => wakeWebhookQueue(client, queue, origin),
    }),
  };
}
