import type { Client } from '@temporalio/client';
import { callWithin } from '../domain/deadline.ts';
import { assertNever } from '../domain/errors.ts';
import { orderWorkflowId } from '../workflows/contract.ts';
import type { OrderReader } from './order-reader.ts';
import type { ExplainView } from './schemas/insight.ts';

/** What explaining an order needs. */
export interface OrderExplainerDeps {
  readonly client: Client;
  readonly reader: OrderReader;
}

/** Says in words why an order is where it is. */
export interface OrderExplainer {
  /** Null when the tenant has no such order. */
  explain(tenantId: string, orderId: string): Promise<ExplainView | null>;
}

const DESCRIBE_TIMEOUT_MS = 3_000;

/** Creates the explainer. */
export function createOrderExplainer(deps: OrderExplainerDeps): OrderExplainer {
  return { explain: (tenantId, orderId) => explain(deps, tenantId, orderId) };
}

type OrderView = NonNullable<Awaited<ReturnType<OrderReader['find']>>>;

interface Waiting {
  readonly step: string;
  readonly attempt: number;
  readonly lastError: string | null;
  readonly nextRetryAt: string | null;
}

async function explain(deps: OrderExplainerDeps, tenantId: string, orderId: string): Promise<ExplainView | null> {
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
