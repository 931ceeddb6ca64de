import type { z } from 'zod';
import { commandView, reconciliationView } from '../api/orders/command-schemas.ts';
import { explainView, receiptView } from '../api/orders/insight/insight-schemas.ts';
import { orderPage, orderView, timelineView, type OrderView, type TimelineView } from '../api/orders/order-schemas.ts';
import { changing, reading, type ApiCommand, type ApiTools } from './api-command.ts';
import { countOf } from './command-line.ts';
import { amountText, type Cell, type Tables } from './table.ts';

/** Commands about orders. */
export const ORDER_COMMANDS = {
  list: reading(
    {
      usage: 'list [--status S] [--customer ID] [--reference R] [--limit N] [--cursor C]',
      summary: 'orders, newest first',
      subject: null,
      options: ['status', 'customer', 'reference', 'limit', 'cursor'],
    },
    async ({ api, options, show }) => {
      const { status, customer: customerId, reference, cursor } = options;
      const query = { status, customerId, reference, limit: countOf(options, 'limit'), cursor };
      show(await api.get('/v1/orders', query), orderPage, pageText);
    },
  ),
  show: reading({ usage: 'show ID', summary: 'one order with its lines', subject: 'ID' }, async (tools) => {
    tools.show(await tools.api.get(pathOf(tools)), orderView, orderText);
  }),
  explain: reading(
    { usage: 'explain ID', summary: 'what it waits for, who must act', subject: 'ID' },
    async (tools) => {
      tools.show(await tools.api.get(pathOf(tools, '/explain')), explainView, explanationText);
    },
  ),
  timeline: reading({ usage: 'timeline ID', summary: 'what happened to it', subject: 'ID' }, async (tools) => {
    tools.show(await tools.api.get(pathOf(tools, '/timeline')), timelineView, timelineText);
  }),
  receipt: reading({ usage: 'receipt ID', summary: 'every effect with its undo', subject: 'ID' }, async (tools) => {
    tools.show(await tools.api.get(pathOf(tools, '/receipt')), receiptView, receiptText);
  }),
  cancel: changing(
    { usage: 'cancel ID [--reason R]', summary: 'cancel an order', subject: 'ID', options: ['reason'] },
    (tools) => give(tools, '/cancel', { body: { reason: tools.options.reason } }),
  ),
  refund: changing(
    {
      usage: 'refund ID [--amount MINOR] [--reason R]',
      summary: 'pay back all that is left, or an amount in minor units',
      subject: 'ID',
      options: ['amount', 'reason'],
    },
    (tools) =>
      give(tools, '/refunds', {
        body: { amountMinor: countOf(tools.options, 'amount'), reason: tools.options.reason },
      }),
  ),
  'give-back': changing(
    {
      usage: 'give-back ID --reason R',
      summary: 'return what an order that has ended still has',
      subject: 'ID',
      options: ['reason'],
    },
    (tools) => give(tools, '/give-back', { body: { reason: tools.options.reason } }),
  ),
  capture: changing(
    {
      usage: 'capture ID [--amount MINOR]',
      summary: 'take all that is authorized, or an amount in minor units',
      subject: 'ID',
      options: ['amount'],
    },
    (tools) => give(tools, '/capture', { body: { amountMinor: countOf(tools.options, 'amount') } }),
  ),
  reconcile: changing(
    {
      usage: 'reconcile ID [--reason R]',
      summary: 'book what was moved at the payment provider itself',
      subject: 'ID',
      options: ['reason'],
    },
    (tools) => give(tools, '/payments/reconcile', { body: { reason: tools.options.reason }, view: reconciliationView }),
  ),
} satisfies Record<string, ApiCommand>;

function pathOf({ subject }: ApiTools, rest = ''): string {
  return `/v1/orders/${encodeURIComponent(subject)}${rest}`;
}

interface GivenCommand {
  readonly body: Readonly<Record<string, unknown>>;
  /** The schema of the answer. */
  readonly view?: typeof commandView | typeof reconciliationView;
}

async function give(tools: ApiTools, route: string, { body, view = commandView }: GivenCommand): Promise<void> {
  const { api, key, show } = tools;
  show(await api.post(pathOf(tools, route), key, body), view, ({ decision, order }, { fields }) =>
    fields([
      ['decision', decision],
      ['order', order.id],
      ['status', order.status],
      ['payment', paymentText(order)],
      ['key', key],
    ]),
  );
}

function pageText({ items, nextCursor }: z.output<typeof orderPage>, { table }: Tables): string {
  const rows = items.map((order) => [
    order.id,
    order.status,
    amountText(order.totalMinor, order.currency),
    order.payment.state,
    order.customer.id,
    order.reference,
    order.createdAt,
    order.attention?.step ?? null,
  ]);
  const header = ['order', 'status', 'total', 'payment', 'customer', 'reference', 'created', 'parked at'];
  return table(header, rows) + moreText(nextCursor);
}

/** How to get the next page, if there is one. */
export function moreText(nextCursor: string | null): string {
  return nextCursor === null ? '' : `\nThere are more: --cursor ${nextCursor}`;
}

function orderText(order: OrderView, { fields, table }: Tables): string {
  const { attention, currency } = order;
  const head = fields([
    ['order', order.id],
    ['status', order.status],
    ['reason', order.reason],
    ['details', order.reasonDetails && JSON.stringify(order.reasonDetails)],
    ['parked', attention && `at ${attention.step}: ${attention.errorCode}, case ${attention.caseId}`],
    ['customer', order.customer.id],
    ['reference', order.reference],
    ['total', amountText(order.totalMinor, currency)],
    ['payment', paymentText(order)],
    ['left to capture', amountText(order.payment.capturableMinor, currency)],
    ['capture by', order.captureBy],
    ['held until', order.holdExpiresAt],
    ['confirmed', order.confirmedAt],
    ['cancel until', order.cancelableUntil],
    ['created', order.createdAt],
    ['updated', order.updatedAt],
    ['correlation', order.correlationId],
    ['workflow', order.workflow.url],
  ]);
  const lines = order.lines.map((line): Cell[] => [
    line.sku,
    line.quantity,
    amountText(line.unitPriceMinor, currency),
    line.reservation,
  ]);
  return `${head}\n\n${table(['SKU', 'pieces', 'each', 'stock'], lines)}`;
}

function paymentText({ payment, currency }: OrderView): string {
  const { state, method, authorizedMinor, capturedMinor, refundedMinor } = payment;
  const money = (amountMinor: number): string => amountText(amountMinor, currency) ?? '';
  return (
    `${state} by ${method}: authorized ${money(authorizedMinor)}, captured ${money(capturedMinor)}, ` +
    `refunded ${money(refundedMinor)}`
  );
}

function explanationText(explained: z.output<typeof explainView>, { fields }: Tables): string {
  return fields([
    ['order', explained.orderId],
    ['status', explained.status],
    ['summary', explained.summary],
    ['waits for', explained.waitsFor],
    ['who must act', explained.whoMustAct],
    ['advice', explained.advice],
    ['step', explained.step],
    ['attempt', explained.attempt],
    ['last error', explained.lastError],
    ['next retry', explained.nextRetryAt],
    ['task queue', explained.taskQueue],
    ['case', explained.caseId],
    ['left to capture', explained.capturableMinor],
    ['capture by', explained.captureBy],
    ['cancel until', explained.cancelableUntil],
    ['workflow', explained.workflowUrl],
    ['workflows', explained.workflows.map(({ id, status }) => `${id} ${status}`).join(', ') || null],
  ]);
}

function timelineText({ items }: TimelineView, { table }: Tables): string {
  const rows = items.map(({ seq, at, type, from, to, actor, data }) => [
    seq,
    at,
    type,
    to === null ? null : `${from ?? ''} -> ${to}`.trimStart(),
    actor,
    Object.keys(data).length === 0 ? null : JSON.stringify(data),
  ]);
  return table(['n', 'at', 'what', 'status', 'by', 'data'], rows);
}

function receiptText({ orderId, status, effects }: z.output<typeof receiptView>, { table }: Tables): string {
  const rows = effects.map((effect) => [
    effect.at,
    effect.kind,
    effect.what,
    effect.state,
    effect.attempts,
    effect.movements.map(({ at, kind }) => `${kind} ${at}`).join(', '),
    effect.key,
    effect.providerRef,
    effect.undoneBy,
  ]);
  const header = ['at', 'kind', 'what', 'state', 'attempts', 'movements', 'key', 'provider', 'undone by'];
  return `${orderId} is ${status}.\n\n${table(header, rows)}`;
}
