import type { Client } from '@temporalio/client';
import type { MessageRecord, MessageRepository } from '../../db/repositories/message-repository.ts';
import type { NoticeRepository } from '../../db/repositories/notice-repository.ts';
import type { OperatorActionRepository } from '../../db/repositories/operator-action-repository.ts';
import type { OrderEventRecord, OrderRecord, OrderRepository } from '../../db/repositories/order-repository.ts';
import type { PaymentRepository, RecordedOperation } from '../../db/repositories/payment-repository.ts';
import type { ReservationRecord, ReservationRepository } from '../../db/repositories/reservation-repository.ts';
import { assertNever } from '../domain/errors.ts';
import { messageNameOf } from '../domain/notification.ts';
import { orderWorkflowId } from '../workflows/contract.ts';
import type { OrderReader } from './order-reader.ts';
import type { ExplainView, ReceiptView } from './schemas/insight.ts';
import { callWithin } from '../domain/deadline.ts';

/** What telling an order's story needs. */
export interface OrderStoryDeps {
  readonly client: Client;
  readonly reader: OrderReader;
  readonly orders: OrderRepository;
  readonly reservations: ReservationRepository;
  readonly payments: PaymentRepository;
  readonly messages: MessageRepository;
  readonly notices: NoticeRepository;
  readonly actions: OperatorActionRepository;
}

/** One entry of the merged timeline. */
export interface StoryEntry extends Omit<OrderEventRecord, 'seq'> {
  readonly source: 'order' | 'payment' | 'message' | 'webhook' | 'operator';
}

/** What happened to an order, told from all that is stored about it. */
export interface OrderStory {
  /** Null when the tenant has no such order. */
  explain(tenantId: string, orderId: string): Promise<ExplainView | null>;
  receipt(tenantId: string, orderId: string): Promise<ReceiptView | null>;
  /** Transitions, money, messages, what the provider reported and what operators did, by time; empty until the order is opened. */
  timeline(tenantId: string, orderId: string): Promise<StoryEntry[]>;
}

const DESCRIBE_TIMEOUT_MS = 3_000;

/** Creates the story teller. */
export function createOrderStory(deps: OrderStoryDeps): OrderStory {
  return {
    explain: (tenantId, orderId) => explain(deps, tenantId, orderId),
    receipt: async (tenantId, orderId) => {
      const order = await deps.orders.findOptional(tenantId, orderId);
      if (order === null) return null;
      const [reservations, operations, messages] = await Promise.all([
        deps.reservations.listByOrder([orderId]),
        deps.payments.listByOrder(orderId),
        deps.messages.listByOrder(tenantId, orderId),
      ]);
      return { orderId, status: order.status, effects: effectsOf(order, reservations, operations, messages) };
    },
    timeline: (tenantId, orderId) => mergedTimeline(deps, tenantId, orderId),
  };
}

async function mergedTimeline(deps: OrderStoryDeps, tenantId: string, orderId: string): Promise<StoryEntry[]> {
  const events = await deps.orders.timeline(tenantId, orderId);
  if (events.length === 0) return [];
  const [operations, messages, notices, actions] = await Promise.all([
    deps.payments.listByOrder(orderId),
    deps.messages.listByOrder(tenantId, orderId),
    deps.notices.listByOrder(orderId),
    deps.actions.listByOrder(tenantId, orderId),
  ]);
  const silent = { from: null, to: null } as const;
  const entries: StoryEntry[] = [
    ...events.map(({ seq: _, ...event }) => ({ ...event, source: 'order' as const })),
    ...operations.map(({ kind, state, amountMinor, currency, providerRef, declineCode, generation, updatedAt }) => ({
      ...silent,
      source: 'payment' as const,
      at: updatedAt,
      type: `payment.${kind}_${state.toLowerCase()}`,
      actor: 'payment provider',
      data: { amountMinor, currency, generation, providerRef, declineCode },
    })),
    ...messages.map(({ template, occurrence, channel, state, attempts, updatedAt }) => ({
      ...silent,
      source: 'message' as const,
      at: updatedAt,
      type: `message.${state.toLowerCase()}`,
      actor: 'system',
      data: { template, occurrence, channel, attempts },
    })),
    ...notices.map(({ provider, eventId, kind, key, amountMinor, currency, outcome, occurredAt, receivedAt }) => ({
      ...silent,
      source: 'webhook' as const,
      at: receivedAt,
      type: `webhook.${kind}`,
      actor: provider,
      data: { eventId, key, amountMinor, currency, outcome, occurredAt: occurredAt.toISOString() },
    })),
    ...actions.map(({ action, actor, subject, reason, at }) => ({
      ...silent,
      source: 'operator' as const,
      at,
      type: action,
      actor,
      data: { subject, reason },
    })),
  ];
  // Stable: events of the same millisecond keep the order of their own log.
  return entries.toSorted((left, right) => left.at.getTime() - right.at.getTime());
}

function effectsOf(
  order: OrderRecord,
  reservations: readonly ReservationRecord[],
  operations: readonly RecordedOperation[],
  messages: readonly MessageRecord[],
): ReceiptView['effects'] {
  const undoOf = (operation: RecordedOperation): string | null => {
    const isCharge = operation.kind === 'sale' || operation.kind === 'authorize';
    const undo = operations.find(
      ({ kind, generation, state }) =>
        state === 'SUCCEEDED' &&
        ((kind === 'void' && isCharge && generation === operation.generation) ||
          (kind === 'refund' && (isCharge || operation.kind === 'capture'))),
    );
    return undo?.key ?? null;
  };
  return [
    ...reservations.map(({ sku, quantity, state, expiresAt }) => ({
      at: expiresAt?.toISOString() ?? null,
      kind: 'stock' as const,
      what: `${quantity} x ${sku}`,
      state,
      key: `${order.orderId}/${sku}`,
      providerRef: null,
      undoneBy: state === 'RELEASED' || state === 'EXPIRED' ? `${order.orderId}/${sku}` : null,
    })),
    ...operations.map((operation) => ({
      at: operation.updatedAt.toISOString(),
      kind: 'payment' as const,
      what: `${operation.kind} of ${operation.amountMinor} ${operation.currency} (minor units)`,
      state: operation.state,
      key: operation.key,
      providerRef: operation.providerRef,
      undoneBy: undoOf(operation),
    })),
    ...messages.map(({ channel, state, updatedAt, ...event }) => ({
      at: updatedAt.toISOString(),
      kind: 'message' as const,
      what: `${messageNameOf(event)} by ${channel}`,
      state,
      key: `${order.orderId}/${messageNameOf(event)}/${channel}`,
      providerRef: null,
      undoneBy: null,
    })),
  ];
}

type OrderView = NonNullable<Awaited<ReturnType<OrderReader['find']>>>;

interface Waiting {
  readonly step: string;
  readonly attempt: number;
  readonly lastError: string | null;
  readonly nextRetryAt: string | null;
}

async function explain(deps: OrderStoryDeps, tenantId: string, orderId: string): Promise<ExplainView | null> {
  const order = await deps.reader.find(tenantId, orderId);
  if (order === null) return null;
  const waiting = await waitingStep(deps.client, orderId);
  const { attention } = order;
  const step = attention?.step ?? waiting?.step ?? null;
  return {
    ...wordsOf(order, waiting),
    orderId,
    status: order.status,
    step,
    attempt: waiting?.attempt ?? null,
    lastError: attention?.errorCode ?? waiting?.lastError ?? null,
    nextRetryAt: waiting?.nextRetryAt ?? null,
    caseId: attention?.caseId ?? null,
    workflowUrl: order.workflow.url,
  };
}

/** The step that the order's workflow retries right now; null when none does, or Temporal does not tell. */
async function waitingStep(client: Client, orderId: string): Promise<Waiting | null> {
  try {
    const handle = client.workflow.getHandle(orderWorkflowId(orderId));
    const { raw } = await callWithin(DESCRIBE_TIMEOUT_MS, client, () => handle.describe());
    const [pending] = raw.pendingActivities ?? [];
    if (pending === undefined) return null;
    const next = pending.nextAttemptScheduleTime ?? null;
    return {
      step: pending.activityId ?? '',
      attempt: pending.attempt ?? 1,
      lastError: pending.lastFailure?.message ?? null,
      nextRetryAt: next === null ? null : new Date(Number(next.seconds ?? 0) * 1_000).toISOString(),
    };
  } catch {
    return null;
  }
}

type Words = Pick<ExplainView, 'summary' | 'waitsFor' | 'whoMustAct' | 'advice'>;

function wordsOf(order: OrderView, waiting: Waiting | null): Words {
  if (order.attention !== null) {
    return {
      summary: `The step ${order.attention.step} could not be done (${order.attention.errorCode}); the order is parked.`,
      waitsFor: 'an operator',
      whoMustAct: 'an operator',
      advice: `Resolve the case ${order.attention.caseId}: GET /v1/cases/${order.attention.caseId} says what can be done.`,
    };
  }
  if (waiting !== null) {
    const when = waiting.nextRetryAt === null ? 'shortly' : `at ${waiting.nextRetryAt}`;
    return {
      summary: `The step ${waiting.step} did not succeed yet (attempt ${waiting.attempt}). It is tried again ${when} by itself.`,
      waitsFor: 'a retry',
      whoMustAct: 'the system',
      advice: 'Nothing has to be done. If it stays, a case opens.',
    };
  }
  return restingWords(order);
}

function restingWords({ status, reason, payment }: OrderView): Words {
  const done = { waitsFor: 'nothing', whoMustAct: 'nobody', advice: 'Nothing has to be done.' } as const;
  const underWay = { waitsFor: 'a worker', whoMustAct: 'the system' } as const;
  const advice = 'Nothing has to be done. If it stays for more than a minute, look whether workers run.';
  switch (status) {
    case 'PENDING':
      return { ...underWay, summary: 'The order is accepted and being carried out right now.', advice };
    case 'AWAITING_CAPTURE':
      return {
        summary: 'The payment is authorized and the stock is held; the capture has not been asked for yet.',
        waitsFor: 'a capture',
        whoMustAct: 'the client',
        advice: 'POST /v1/orders/{id}/capture takes the money; without it the authorization is given back in time.',
      };
    case 'CONFIRMED':
      return { ...done, summary: 'The order is sold: the money is captured and the stock deducted.' };
    case 'REJECTED':
      return { ...done, summary: `The order was refused (${reason}); nothing is held and nothing is taken.` };
    case 'CANCELLING':
      return { ...underWay, summary: 'The order is being cancelled: money and stock are given back.', advice };
    case 'CANCELLED':
      return { ...done, summary: 'The order is cancelled; nothing is held and nothing is taken.' };
    case 'EXPIRED':
      return { ...done, summary: 'The authorization ran out before a capture; nothing is held and nothing is taken.' };
    case 'REFUNDING':
      return { ...underWay, summary: 'A refund is under way; it stays owed until it is proved.', advice };
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return { ...done, summary: `${payment.refundedMinor} of ${payment.capturedMinor} (minor units) are paid back.` };
    default:
      return assertNever(status);
  }
}
