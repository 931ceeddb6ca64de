import type {
  MessageAttempt,
  MessageRecord,
  MessageRepository,
} from '../../../../db/repositories/notifications/message-repository.ts';
import type { OrderRepository } from '../../../../db/repositories/orders/order-repository.ts';
import type {
  OperationChange,
  PaymentHistoryRepository,
  StoredAttempt,
} from '../../../../db/repositories/payments/payment-history-repository.ts';
import type { PaymentRepository, RecordedOperation } from '../../../../db/repositories/payments/payment-repository.ts';
import type {
  ReservationRecord,
  ReservationRepository,
  StockMovement,
} from '../../../../db/repositories/inventory/reservation-repository.ts';
import { moneyText } from '../../../domain/payments/money-text.ts';
import { messageNameOf } from '../../../domain/notification.ts';
import { wasAsked } from '../../../domain/payments/payment.ts';
import type { ReceiptView } from './insight-schemas.ts';

export interface OrderReceiptDeps {
  readonly orders: OrderRepository;
  readonly reservations: ReservationRepository;
  readonly payments: PaymentRepository;
  readonly paymentHistory: PaymentHistoryRepository;
  readonly messages: MessageRepository;
}

type Effect = ReceiptView['effects'][number];

/** Every effect of an order with the time at which it happened; null when the tenant does not have the order. */
export async function readReceipt(
  deps: OrderReceiptDeps,
  tenantId: string,
  orderId: string,
): Promise<ReceiptView | null> {
  const order = await deps.orders.findOptional(tenantId, orderId);
  if (order === null) return null;
  const [reservations, movements, operations, attempts, changes, messages, tries] = await Promise.all([
    deps.reservations.listByOrder([orderId]),
    deps.reservations.listMovements(tenantId, orderId),
    deps.payments.listByOrder(orderId),
    deps.paymentHistory.listAttempts(orderId),
    deps.paymentHistory.listChanges(orderId),
    deps.messages.listByOrder(tenantId, orderId),
    deps.messages.listAttempts(tenantId, orderId),
  ]);
  return {
    orderId,
    status: order.status,
    effects: [
      ...reservations.map((line) => effectOfLine(line, movements)),
      ...operations.filter(wasAsked).map((operation) => ({
        ...effectOfOperation(operation, attempts, changes),
        undoneBy: undoOf(operation, operations),
      })),
      ...messages.map((message) => effectOfMessage(orderId, message, tries)),
    ],
  };
}

/** A line that was never held, because its release came first, has no time, because it had no effect. */
function effectOfLine(line: ReservationRecord, all: readonly StockMovement[]): Effect {
  const { orderId, sku, quantity, state } = line;
  const key = `${orderId}/${sku}`;
  const movements = all
    .filter((movement) => movement.sku === sku)
    .map(({ at, kind }) => ({ at: at.toISOString(), kind }));
  return {
    at: movements[0]?.at ?? null,
    kind: 'stock',
    what: `${quantity} x ${sku}`,
    state,
    key,
    providerRef: null,
    undoneBy: state === 'RELEASED' || state === 'EXPIRED' ? key : null,
    attempts: null,
    movements,
  };
}

function effectOfOperation(
  operation: RecordedOperation,
  attempts: readonly StoredAttempt[],
  changes: readonly OperationChange[],
): Omit<Effect, 'undoneBy'> {
  const { key, kind, amountMinor, currency, state, providerRef, updatedAt } = operation;
  const became = changes.find((change) => change.key === key && change.state === state);
  return {
    at: (became?.at ?? updatedAt).toISOString(),
    kind: 'payment',
    what: `${kind} of ${moneyText(amountMinor, currency)}`,
    state,
    key,
    providerRef,
    attempts: attempts.filter((attempt) => attempt.key === key).length,
    movements: [],
  };
}

function undoOf(operation: RecordedOperation, operations: readonly RecordedOperation[]): string | null {
  const isCharge = operation.kind === 'sale' || operation.kind === 'authorize';
  const undo = operations.find(
    ({ kind, generation, state }) =>
      state === 'SUCCEEDED' &&
      ((kind === 'void' && isCharge && generation === operation.generation) ||
        (kind === 'refund' && (isCharge || operation.kind === 'capture'))),
  );
  return undo?.key ?? null;
}

/** A further copy is sent later: the message counts as sent with its first copy. */
function effectOfMessage(orderId: string, message: MessageRecord, tries: readonly MessageAttempt[]): Effect {
  const { channel, state, attempts, updatedAt } = message;
  const name = messageNameOf(message);
  const reached = tries.find(
    (each) => messageNameOf(each) === name && each.channel === channel && each.outcome === state,
  );
  return {
    at: (reached?.at ?? updatedAt).toISOString(),
    kind: 'message',
    what: `${name} by ${channel}`,
    state,
    key: `${orderId}/${name}/${channel}`,
    providerRef: null,
    undoneBy: null,
    attempts,
    movements: [],
  };
}
