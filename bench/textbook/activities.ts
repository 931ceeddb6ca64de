import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import type { Databases } from '../../db/client.ts';
import { createMessageRepository } from '../../db/repositories/notifications/message-repository.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { createReservationRepository } from '../../db/repositories/inventory/reservation-repository.ts';
import { totalOf } from '../../src/domain/payments/money.ts';
import { messageIdFor } from '../../src/domain/notification.ts';
import type { OrderRequest } from '../../src/domain/order.ts';
import { paymentKey } from '../../src/domain/payments/payment.ts';
import type { MailGateway } from '../../src/gateways/mail-gateway.ts';
import type { PaymentGateway } from '../../src/gateways/payment-gateway.ts';

/** The order that the workflow carries out. */
export interface TextbookOrder {
  readonly orderId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly email: string;
  readonly request: OrderRequest;
}

const HOLD_TTL_SECONDS = 1_800;

/** The activities that the workflow may call. */
export type TextbookActivities = ReturnType<typeof createTextbookActivities>;

/**
 * The business writes are the product's own statements in the same tables, so only the way in which they run differs.
 */
export function createTextbookActivities(databases: Databases, gateway: PaymentGateway, mail: MailGateway) {
  const orders = createOrderRepository(databases.orders);
  const reservations = createReservationRepository(databases.inventory);
  const payments = createPaymentRepository(databases.payments);
  const messages = createMessageRepository(databases.notifications);
  const steps = {
    async reserveStock(order: TextbookOrder): Promise<number> {
      const { orderId, tenantId, request } = order;
      const firstExecutionRunId = activityInfo().workflowExecution?.runId ?? '';
      const rest = { requestHash: '', correlationId: orderId, firstExecutionRunId, sealedContact: null };
      await orders.open({ ...order, ...rest });
      const hold = await reservations.hold({ orderId, tenantId, ...request, ttlSeconds: HOLD_TTL_SECONDS });
      if (!hold.held) throw ApplicationFailure.nonRetryable('out of stock');
      return totalOf(hold.offers);
    },

    async chargePayment({ orderId, tenantId, request }: TextbookOrder, amountMinor: number): Promise<void> {
      const key = paymentKey(orderId, 'sale', 1);
      const { currency, paymentMethod: method } = request;
      const charge = { key, orderId, kind: 'sale', amountMinor, currency } as const;
      const outcome = await gateway.charge({ ...charge, method }, AbortSignal.timeout(10_000));
      if (outcome.kind !== 'succeeded') throw ApplicationFailure.nonRetryable('declined');
      const { providerRef } = outcome;
      const row = { tenantId, generation: 1, state: 'SUCCEEDED', declineCode: null, providerRef } as const;
      await payments.record({ ...charge, ...row });
    },

    async confirmOrder({ orderId, tenantId }: TextbookOrder, totalMinor: number): Promise<void> {
      await reservations.commit(tenantId, orderId);
      await orders.transition({ orderId, to: 'CONFIRMED', eventType: 'order.confirmed', actor: 'system', totalMinor });
    },

    async sendConfirmation({ orderId, tenantId, email }: TextbookOrder, totalMinor: number): Promise<void> {
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
  const carryOut = async (order: TextbookOrder): Promise<void> => {
    const totalMinor = await steps.reserveStock(order);
    await steps.chargePayment(order, totalMinor);
    await steps.confirmOrder(order, totalMinor);
    await steps.sendConfirmation(order, totalMinor);
  };
  return { ...steps, carryOut };
}
