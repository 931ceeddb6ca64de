import type { CommandKind } from '../command.ts';
import type { OrderSettings } from '../order-settings.ts';
import type { OrderStatus } from '../order-status.ts';
import { parsePaymentKey, type PaymentKind, type PaymentOperationState } from './payment.ts';

/** Payment providers that report by webhook. */
export const PAYMENT_PROVIDERS = ['simulator', 'stripe'] as const;
export type PaymentProvider = (typeof PAYMENT_PROVIDERS)[number];

/** What a report is about; `other` is everything that no order waits for. */
export const PAYMENT_NEWS_KINDS = [
  'charge_succeeded',
  'charge_failed',
  'refunded',
  'refund_failed',
  'disputed',
  'other',
] as const;
export type PaymentNewsKind = (typeof PAYMENT_NEWS_KINDS)[number];

/**
 * A provider's report, verified and translated. It is a hint to look, never evidence: reports come late, twice and in
 * any order, so whoever hears one looks the key up at the provider before anything is decided.
 */
export interface PaymentNews {
  /** Id of the report at the provider, the same in every delivery of it. */
  readonly eventId: string;
  readonly provider: PaymentProvider;
  readonly kind: PaymentNewsKind;
  /** Null when the payment was not made by us. */
  readonly orderId: string | null;
  /** Idempotency key of the charge or refund; null when it was not made by us (a refund from the provider's dashboard). */
  readonly key: string | null;
  /**
   * The provider's own reference of the charge that it is about: what a refund or a dispute that was made outside is
   * matched to its order by. Null when it names none.
   */
  readonly chargeRef: string | null;
  /** The provider's own reference of the refund or capture that it tells of; null when it tells of none. */
  readonly movementRef: string | null;
  /** Minor units of `currency`; null when the report is not about an amount. */
  readonly amountMinor: number | null;
  /** ISO 4217, upper case. */
  readonly currency: string | null;
  /** ISO 8601 time of the event at the provider. */
  readonly occurredAt: string;
}

/** A request as it arrived: the signature covers every byte of the body. */
export interface WebhookRequest {
  /** Value of a header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
  readonly receivedAt: Date;
}

/** The port to a provider's webhooks. */
export interface PaymentWebhook {
  /**
   * Verifies and translates a report.
   * @throws {WebhookSignatureError} when it is not from the provider, was changed, or is older than the tolerance.
   * @throws {WebhookContentError} when it is signed but cannot be read.
   */
  read(request: WebhookRequest): PaymentNews;
}

/**
 * Largest age of a signature, and what the other clock may be ahead: 5 min, the value that Stripe and Standard Webhooks
 * recommend. It bounds how long a copied request can be replayed; repeats within it have the same `eventId`.
 */
export const WEBHOOK_TOLERANCE_SECONDS = 300;

/** The request cannot be proved to come from the provider. The message never holds the body or the signature. */
export class WebhookSignatureError extends Error {
  override readonly name = 'WebhookSignatureError';
  constructor(why: string) {
    super(`the webhook's signature was refused: ${why}`);
  }
}

/** The provider signed something that we cannot read: its version or our reading is wrong. */
export class WebhookContentError extends Error {
  override readonly name = 'WebhookContentError';
  constructor(why: string) {
    super(`the webhook's content cannot be read: ${why}`);
  }
}

/** How far a stored notice is. */
export const NOTICE_STATES = ['RECEIVED', 'APPLIED'] as const;
export type NoticeState = (typeof NOTICE_STATES)[number];

/**
 * What became of a notice. `known`: the books said it already, or something newer. `of_no_concern`: no order waits for
 * such news. `looked_up`: the step that waited for the provider was told to look now. `given_back`: late money of an
 * order that was not sold was looked up and returned. `put_aside`: an operator has dealt with it.
 */
export const NOTICE_OUTCOMES = ['known', 'of_no_concern', 'looked_up', 'given_back', 'put_aside'] as const;
export type NoticeOutcome = (typeof NOTICE_OUTCOMES)[number];

/** Which notice; the provider's id is the same in every delivery. */
export interface NoticeKey {
  readonly provider: PaymentProvider;
  readonly eventId: string;
}

/**
 * Id of a command that a notice gives on behalf of the system: the money that goes back because of it, or, by the number
 * of the look, what is adopted because of it.
 */
export function noticeCommandId({ provider, eventId }: NoticeKey, look?: number): string {
  return `cmd_${provider}_${eventId}${look === undefined ? '' : `#${look}`}`;
}

/** The notice that has given a command; null when none has. */
export function noticeOfCommand(commandId: string, kind: CommandKind): NoticeKey | null {
  for (const provider of PAYMENT_PROVIDERS) {
    const prefix = `cmd_${provider}_`;
    if (!commandId.startsWith(prefix)) continue;
    const rest = commandId.slice(prefix.length);
    return { provider, eventId: kind === 'reconcile' ? rest.replace(/#\d+$/, '') : rest };
  }
  return null;
}

/** A charge as its key names it. */
export interface NamedCharge {
  readonly kind: Extract<PaymentKind, 'sale' | 'authorize'>;
  readonly generation: number;
}

/** What is to be done about a notice; none of it believes the notice. */
export type NoticeVerdict =
  | { readonly kind: 'settled'; readonly outcome: Extract<NoticeOutcome, 'known' | 'of_no_concern'> }
  /** The order moves: whichever step waits for the provider looks now. */
  | { readonly kind: 'look_up' }
  /** The order is not sold: what the provider has under the key goes back. */
  | { readonly kind: 'give_back'; readonly charge: NamedCharge }
  /** Money that no command of ours has moved: what the provider has of it is adopted into the books. */
  | { readonly kind: 'adopt' }
  /** Nobody but a person can decide. */
  | { readonly kind: 'unexpected' }
  /** There is no such order, or not yet. */
  | { readonly kind: 'unmatched' };

/** What is stored about the thing a notice tells of. */
export interface NoticeContext {
  /** Null while there is no such order. */
  readonly orderStatus: OrderStatus | null;
  /** State of the operation under the notice's key; null when there is none. */
  readonly operation: PaymentOperationState | null;
  /** A later notice about the same key has told something else. A success is looked up all the same. */
  readonly isOutdated: boolean;
  /** A command of ours owns the order and may move its money right now. */
  readonly isOwned?: boolean;
}

/** What is stored about the thing a notice tells of, from its row and its order's. */
export function noticeContextOf(
  { operation, isOutdated }: Pick<NoticeContext, 'operation' | 'isOutdated'>,
  owner: { readonly status: OrderStatus; readonly isOwned?: boolean } | null,
): NoticeContext {
  return { orderStatus: owner?.status ?? null, operation, isOutdated, isOwned: owner?.isOwned ?? false };
}

/**
 * Decides what is to be done about a notice from what is stored. A definite result in the books is never taken back:
 * an older or repeated notice finds it `known`.
 */
export function judgeNotice(
  news: Pick<PaymentNews, 'kind' | 'orderId' | 'key'>,
  context: NoticeContext,
): NoticeVerdict {
  const { orderStatus, operation, isOutdated } = context;
  if (news.kind === 'other') return { kind: 'settled', outcome: 'of_no_concern' };
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

/** A charge or a capture that the books do not have as taken. */
function judgeCharge(news: Pick<PaymentNews, 'orderId' | 'key'>, context: NoticeContext): NoticeVerdict {
  const { orderStatus } = context;
  if (orderStatus === null) return { kind: 'unmatched' };
  if (isUnderWay(orderStatus, context)) return { kind: 'look_up' };
  const named = news.key === null ? null : parsePaymentKey(news.key);
  if (named !== null && named.orderId !== news.orderId) return { kind: 'unexpected' };
  const isCharge = named?.kind === 'sale' || named?.kind === 'authorize';
  // A second charge of a sold order is nothing that its books could take up.
  if (wasSold(orderStatus)) return { kind: isCharge ? 'unexpected' : 'adopt' };
  if (!isCharge) return { kind: 'unexpected' };
  return { kind: 'give_back', charge: { kind: named.kind, generation: named.generation } };
}

/** Nothing was moved: only an order that waits for the answer cares, and a refund that was booked as done. */
function judgeFailure(
  kind: 'charge_failed' | 'refund_failed',
  { orderStatus, operation, isOwned = false }: NoticeContext,
): NoticeVerdict {
  if (operation === 'SUCCEEDED') return kind === 'refund_failed' ? { kind: 'unexpected' } : KNOWN;
  if (operation !== null && operation !== 'UNKNOWN') return KNOWN;
  if (orderStatus === null) return { kind: 'unmatched' };
  return isOwned || moves(orderStatus) ? { kind: 'look_up' } : KNOWN;
}

/** A command of ours may have moved the money and not booked it yet: it owns the order, or has noted what it sends. */
function isUnderWay(orderStatus: OrderStatus, { operation, isOwned = false }: NoticeContext): boolean {
  // What was noted for an order that ended without a sale is late money.
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

/** A provider's report that is to be looked up: the input of its workflow. */
export interface NoticeWorkflowInput {
  readonly notice: NoticeKey;
  /** The order, or what stands for it while there is none. */
  readonly orderId: string;
  /** Whose operators see a case about it. */
  readonly tenantId: string;
  readonly correlationId: string;
  readonly settings: OrderSettings;
}
