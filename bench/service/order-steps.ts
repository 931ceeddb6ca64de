import { allAt, createDatabases } from '../../db/client.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { totalOf } from '../../src/domain/payments/money.ts';
import { messageIdFor } from '../../src/domain/notification.ts';
import type { OrderRequest } from '../../src/domain/order.ts';
import { paymentKey } from '../../src/domain/payments/payment.ts';
import { createSmtpMailGateway } from '../../src/gateways/mail-gateway.ts';
import { createSimulatorPaymentGateway } from '../../src/gateways/simulator-payment-gateway.ts';
import { POOL_SIZE, settings } from './settings.ts';

/** An order to carry out. */
export interface Order {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly email: string;
  readonly request: OrderRequest;
}

/** The parts of the steps that depend on the engine that runs them. */
export interface Engine {
  readonly name: string;
  /** The id of the execution that the current step belongs to. */
  readonly executionId: () => string;
  /** The error of a step that must not be retried. */
  readonly refusal: (reason: string) => Error;
}

const HOLD_TTL_SECONDS = 1_800;

/** The business steps of an order. */
export type OrderSteps = ReturnType<typeof openOrderSteps>['steps'];

/**
 * The business steps are the product's own statements in the same tables, and its own calls of the provider and the
 * mail server, so only the way in which they are run differs.
 */
export function openOrderSteps({ name: engineName, executionId, refusal }: Engine) {
  const options = { poolSize: POOL_SIZE, applicationName: engineName, onIdleError: console.error };
  const databases = createDatabases(allAt(settings.databaseUrl), options);
  const onBreakerChange = (): void => {};
  const gateway = createSimulatorPaymentGateway({ baseUrl: settings.paymentGatewayUrl, onBreakerChange });
  const mail = createSmtpMailGateway({ url: settings.smtpUrl, from: 'orders@order-saga.local', onBreakerChange });
  const orders = createOrderRepository(databases.orders);
  const reservations = createReservationRepository(databases.inventory);
  const payments = createPaymentRepository(databases.payments);
  const messages = createMessageRepository(databases.notifications);
  const steps = {
    async reserveStock(order: Order): Promise<number> {
      const { orderId, tenantId, request } = order;
      const rest = { requestHash: '', correlationId: orderId, sealedContact: null };
      await orders.open({ ...order, ...rest, firstExecutionRunId: executionId() });
      const hold = await reservations.hold({ orderId, tenantId, ...request, ttlSeconds: HOLD_TTL_SECONDS });
      if (!hold.held) throw refusal('out of stock');
      return totalOf(hold.offers);
    },

    async chargePayment({ orderId, tenantId, request }: Order, amountMinor: number): Promise<void> {
      const key = paymentKey(orderId, 'sale', 1);
      const { currency, paymentMethod: method } = request;
      const charge = { key, orderId, kind: 'sale', amountMinor, currency } as const;
      const outcome = await gateway.charge({ ...charge, method }, AbortSignal.timeout(10_000));
      if (outcome.kind !== 'succeeded') throw refusal('declined');
      const { providerRef } = outcome;
      const row = { tenantId, generation: 1, state: 'SUCCEEDED', declineCode: null, providerRef } as const;
      await payments.record({ ...charge, ...row });
    },

    async confirmOrder({ orderId, tenantId }: Order, totalMinor: number): Promise<void> {
      await reservations.commit(tenantId, orderId);
      await orders.transition({ orderId, to: 'CONFIRMED', eventType: 'order.confirmed', actor: 'system', totalMinor });
    },

    async sendConfirmation({ orderId, tenantId, email }: Order, totalMinor: number): Promise<void> {
      const name = 'order-confirmed';
      await mail.send({
        orderId,
        messageId: messageIdFor(orderId, name),
        to: email,
        subject: `Your order ${orderId} is confirmed`,
        text: `Thank you. Your order ${orderId} is confirmed.\nTotal: ${totalMinor / 100}\n`,
      });
      const sent = { tenantId, state: 'SENT', lastError: null, copyId: null } as const;
      await messages.record({ orderId, name, channel: 'email' }, sent);
    },
  };
  return {
    steps,
    close: async (): Promise<void> => {
      mail.close();
      await databases.close();
    },
  };
}
