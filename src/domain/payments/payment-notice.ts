import type { CommandKind } from '../command.ts';
import type { OrderSettings } from '../order-settings.ts';
import type { OrderStatus } from '../order-status.ts';
import { parsePaymentKey, type PaymentKind, type PaymentOperationState } from './payment.ts';

/** Payment providers that report by webhook. */
export const PAYMENT_PROVIDERS = ['simulator', 'stripe'] as const;
export type PaymentProvider = (typeof PAYMENT_PROVIDERS)[number];

/** The subjects of reports; `other` is everything that no order waits for. */
export const PAYMENT_NOTICE_KINDS = [
  'charge_succeeded',
  'charge_failed',
  'refunded',
  'refund_failed',
  'disputed',
  'other',
] as const;
export type PaymentNoticeKind = (typeof PAYMENT_NOTICE_KINDS)[number];

/**
 * A provider's report, verified and translated. It is a hint to look and never evidence: reports come late, twice and
 * in any order. So the key is looked up at the provider before anything is decided.
 */
export interface PaymentNotice {
  /** The provider's id of the report; it is the same in every delivery. */
  readonly eventId: string;
  readonly provider: PaymentProvider;
  readonly kind: PaymentNoticeKind;
  /** Null when the payment was not made by this service. */
  readonly orderId: string | null;
  /**
   * The idempotency key of the charge or refund; null when it was not made by this service (for example a refund from
   * the provider's dashboard).
   */
  readonly key: string | null;
  /**
   * The provider's reference of the charge that the report is about. It matches refunds and disputes that were made
   * outside with their orders. Null when the report names no charge.
   */
  readonly chargeRef: string | null;
  /** The provider's reference of the refund or capture that the report is about; null when it names none. */
  readonly movementRef: string | null;
  /** In minor units of `currency`; null when the report has no amount. */
  readonly amountMinor: number | null;
  /** The ISO 4217 code in upper case. */
  readonly currency: string | null;
  /** The time of the event at the provider, ISO 8601. */
  readonly occurredAt: string;
}

/** A request in the form in which it arrived; the signature covers every byte of the body. */
export interface WebhookRequest {
  /** The value of a header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
  readonly receivedAt: Date;
}

/** The port to a provider's webhooks. */
export interface PaymentWebhook {
  /**
   * Verifies and translates a report.
   * @throws {WebhookSignatureError} when the report is not from the provider, was changed, or is older than the
   * tolerance.
   * @throws {WebhookContentError} when the report is signed but cannot be read.
   */
  read(request: WebhookRequest): PaymentNotice;
}

/**
 * The largest age of a signature, and how far the other clock may be ahead: 5 min, as Stripe and Standard Webhooks
 * recommend. It limits how long a copied request can be replayed; repeats within this time have the same `eventId`.
 */
export const WEBHOOK_TOLERANCE_SECONDS = 300;

/** The request is not proved to come from the provider. The message never contains the body or the signature. */
export class WebhookSignatureError extends Error {
  override readonly name = 'WebhookSignatureError';
  constructor(why: string) {
    super(`the webhook's signature was refused: ${why}`);
  }
}

/** The provider signed a content that this service cannot read: the version or the parser is wrong. */
export class WebhookContentError extends Error {
  override readonly name = 'WebhookContentError';
  constructor(why: string) {
    super(`the webhook's content cannot be read: ${why}`);
  }
}

/** The states of a stored notice. */
export const NOTICE_STATES = ['RECEIVED', 'APPLIED'] as const;
export type NoticeState = (typeof NOTICE_STATES)[number];

/**
 * The outcomes of a notice. `known`: the books had the fact already, or a newer one. `ignored`: no order waits
 * for this notice. `looked_up`: the step that waited for the provider was told to look now. `given_back`: late money of
 * an unsold order was looked up and returned. `dismissed`: an operator has dealt with it.
 */
export const NOTICE_OUTCOMES = ['known', 'ignored', 'looked_up', 'given_back', 'dismissed'] as const;
export type NoticeOutcome = (typeof NOTICE_OUTCOMES)[number];

/** Identifies a notice; the provider's id is the same in every delivery. */
export interface NoticeKey {
  readonly provider: PaymentProvider;
  readonly eventId: string;
}

/**
 * The id of a command that a notice gives on behalf of the system: it returns money because of the notice or, with the
 * number of the look, adopts money.
 */
export function noticeCommandId({ provider, eventId }: NoticeKey, look?: number): string {
  return `cmd_${provider}_${eventId}${look === undefined ? '' : `#${look}`}`;
}

/** The notice that has given a command; null when no notice has. */
export function noticeOfCommand(commandId: string, kind: CommandKind): NoticeKey | null {
  for (const provider of PAYMENT_PROVIDERS) {
    const prefix = `cmd_${provider}_`;
    if (!commandId.startsWith(prefix)) continue;
    const rest = commandId.slice(prefix.length);
    return { provider, eventId: kind === 'reconcile' ? rest.replace(/#\d+$/, '') : rest };
  }
  return null;
}

/** A charge, identified by the parts of its key. */
export interface NamedCharge {
  readonly kind: Extract<PaymentKind, 'sale' | 'authorize'>;
  readonly generation: number;
}

/** What has to be done about a notice. No verdict relies on the notice itself. */
export type NoticeVerdict =
  | { readonly kind: 'settled'; readonly outcome: Extract<NoticeOutcome, 'known' | 'ignored'> }
  /** The order is moving: its step that waits for the provider looks now. */
  | { readonly kind: 'look_up' }
  /** The order is not sold: the money that the provider has under the key is given back. */
  | { readonly kind: 'give_back'; readonly charge: NamedCharge }
  /** No command of ours has moved the money: the provider's movements are adopted into the books. */
  | { readonly kind: 'adopt' }
  /** Only a person can decide. */
  | { readonly kind: 'unexpected' }
  /** The order does not exist, or not yet. */
  | { readonly kind: 'unmatched' };

/** What is stored about the subject of a notice. */
export interface NoticeContext {
  /** Null while the order does not exist. */
  readonly orderStatus: OrderStatus | null;
  /** State of the operation under the notice's key; null when there is none. */
  readonly operation: PaymentOperationState | null;
  /** Whether a later notice about the same key has reported something else. A success is looked up all the same. */
  readonly isOutdated: boolean;
  /** Whether a command of ours owns the order and may move its money right now. */
  readonly isOwned?: boolean;
}

/** Combines what the notice's row and its order's row know about the subject of a notice. */
export function noticeContextOf(
  { operation, isOutdated }: Pick<NoticeContext, 'operation' | 'isOutdated'>,
  owner: { readonly status: OrderStatus; readonly isOwned?: boolean } | null,
): NoticeContext {
  return { orderStatus: owner?.status ?? null, operation, isOutdated, isOwned: owner?.isOwned ?? false };
}

/**
 * Decides what has to be done about a notice by the stored facts. A definite result in the books is never taken back:
 * an older or repeated notice is `known`.
 */
export function judgeNotice(
  news: Pick<PaymentNotice, 'kind' | 'orderId' | 'key'>,
  context: NoticeContext,
): NoticeVerdict {
  const { orderStatus, operation, isOutdated } = context;
  if (news.kind === 'other') return { kind: 'settled', outcome: 'ignored' };
  switch (news.kind) {
    case 'charge_succeeded':
      return operation === 'SUCCEEDED' ? KNOWN : judgeCharge(news, context);
    case 'charge_failed':
    case 'refund_failed':
      return isOutdated ? KNOWN : judgeFailure(news.kind, context);
    case 'refunded':
      if (operation === 'SUCCEEDED') return KNOWN;
      if (orderStatus === null) return { kind: 'unmatched' };
      return { kind: operation === 'UNKNOWN' || isUnderWay(orderStatus, context) ? 'look_up' : 'adopt' };
    case 'disputed':
      return { kind: orderStatus === null ? 'unmatched' : 'unexpected' };
  }
}

const KNOWN: NoticeVerdict = { kind: 'settled', outcome: 'known' };

/** Judges a report of a charge or a capture that the books do not have as taken. */
function judgeCharge(news: Pick<PaymentNotice, 'orderId' | 'key'>, context: NoticeContext): NoticeVerdict {
  const { orderStatus } = context;
  if (orderStatus === null) return { kind: 'unmatched' };
  if (isUnderWay(orderStatus, context)) return { kind: 'look_up' };
  const named = news.key === null ? null : parsePaymentKey(news.key);
  if (named !== null && named.orderId !== news.orderId) return { kind: 'unexpected' };
  const charge = named === null ? null : chargeOf(named.kind, named.generation);
  // A second charge of a sold order cannot be adopted into its books.
  if (wasSold(orderStatus)) return { kind: charge === null ? 'adopt' : 'unexpected' };
  return charge === null ? { kind: 'unexpected' } : { kind: 'give_back', charge };
}

/** The charge that a key names; null for the key of a capture, a refund or a void. */
function chargeOf(kind: PaymentKind, generation: number): NamedCharge | null {
  return kind === 'sale' || kind === 'authorize' ? { kind, generation } : null;
}

/**
 * Judges a report that nothing was moved. It matters only for an order that waits for the answer, and for a refund that
 * the books have as done.
 */
function judgeFailure(
  kind: 'charge_failed' | 'refund_failed',
  { orderStatus, operation, isOwned = false }: NoticeContext,
): NoticeVerdict {
  if (operation === 'SUCCEEDED') return kind === 'refund_failed' ? { kind: 'unexpected' } : KNOWN;
  if (operation !== null && operation !== 'UNKNOWN') return KNOWN;
  if (orderStatus === null) return { kind: 'unmatched' };
  return isOwned || moves(orderStatus) ? { kind: 'look_up' } : KNOWN;
}

/**
 * Whether a command of ours may have moved the money without recording it yet: it owns the order, or has stored what it
 * sends.
 */
function isUnderWay(orderStatus: OrderStatus, { operation, isOwned = false }: NoticeContext): boolean {
  // An operation that was stored as UNKNOWN for an order that ended without a sale is late money.
  return isOwned || moves(orderStatus) || (operation === 'UNKNOWN' && wasSold(orderStatus));
}

/** Whether a workflow of the order may be waiting for the provider. */
function moves(status: OrderStatus): boolean {
  switch (status) {
    case 'PENDING':
    case 'AWAITING_CAPTURE':
    case 'CANCELLING':
    case 'REFUNDING':
      return true;
    case 'CONFIRMED':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
    case 'REJECTED':
    case 'CANCELLED':
    case 'EXPIRED':
      return false;
  }
}

function wasSold(status: OrderStatus): boolean {
  return status === 'CONFIRMED' || status === 'PARTIALLY_REFUNDED' || status === 'REFUNDED';
}

/** A provider's report that has to be looked up: the input of its workflow. */
export interface NoticeWorkflowInput {
  readonly notice: NoticeKey;
  /** The order, or its placeholder while there is none. */
  readonly orderId: string;
  /** The tenant whose operators see a case about the report. */
  readonly tenantId: string;
  readonly correlationId: string;
  /** The order's trace; absent when it is not recorded. */
  readonly traceparent?: string;
  readonly settings: OrderSettings;
}
