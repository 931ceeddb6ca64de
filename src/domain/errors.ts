import type { AnswerMismatch } from './case.ts';

/**
 * Stable codes of every failure on the way of an order. `activities/failure.ts` says how each is retried, and
 * `docs/errors.md` what to do about it.
 */
export const FAILURE_CODES = [
  'database_unavailable',
  'database_contract',
  'order_state_conflict',
  'payment_outcome_unknown',
  'payment_gateway_open',
  'payment_mismatch',
  'payment_contract',
  'authorization_gone',
  'order_turn_over',
  'refund_refused',
  'notice_unmatched',
  'notice_unexpected',
  'mail_unavailable',
  'mail_gateway_open',
  'mail_rejected',
  'sms_unavailable',
  'sms_gateway_open',
  'sms_rejected',
  'webhook_undelivered',
  'contact_unreadable',
  'event_pump_fenced',
  'unclassified',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** The base of all errors with a stable code. Messages contain ids, never parameters or personal data. */
export abstract class OrderSagaError extends Error {
  abstract readonly code: FailureCode;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The database refused or lost the connection, or was too busy; no change is known to have been made. */
export class DatabaseUnavailableError extends OrderSagaError {
  readonly code = 'database_unavailable';
  readonly sqlState: string;
  constructor(sqlState: string) {
    super(`the database did not answer (${sqlState})`);
    this.sqlState = sqlState;
  }
}

/** A constraint or a statement failed in a way that no retry can change: the code or the data have a bug. */
export class DatabaseContractError extends OrderSagaError {
  readonly code = 'database_contract';
  readonly sqlState: string;
  readonly constraint: string | null;
  constructor(sqlState: string, constraint: string | null) {
    super(`the database refused a statement (${sqlState}${constraint === null ? '' : `, ${constraint}`})`);
    this.sqlState = sqlState;
    this.constraint = constraint;
  }
}

/** A guarded status write found the order in a status that the step does not start from. */
export class OrderStateConflictError extends OrderSagaError {
  readonly code = 'order_state_conflict';
  readonly orderId: string;
  readonly found: string;
  readonly wanted: string;
  constructor(orderId: string, found: string, wanted: string) {
    super(`order ${orderId} is ${found} and cannot become ${wanted}`);
    this.orderId = orderId;
    this.found = found;
    this.wanted = wanted;
  }
}

/**
 * A money call ended without a definite answer: the money may or may not have moved. The outcome must be looked up,
 * never guessed.
 */
export class PaymentOutcomeUnknownError extends OrderSagaError {
  readonly code = 'payment_outcome_unknown';
  readonly key: string;
  readonly why: string;
  constructor(key: string, why: string, cause?: unknown) {
    super(`outcome of payment ${key} is unknown: ${why}`, { cause });
    this.key = key;
    this.why = why;
  }
}

/** The circuit breaker around the payment provider is open: the call was not sent. */
export class PaymentGatewayOpenError extends OrderSagaError {
  readonly code = 'payment_gateway_open';
  readonly key: string;
  constructor(key: string) {
    super(`payment ${key} was not sent: the circuit breaker is open`);
    this.key = key;
  }
}

/**
 * The provider answered with another amount, currency or order than requested. The answer is never adopted. The message
 * contains both values, which are no personal data, because a person has to compare them.
 */
export class PaymentMismatchError extends OrderSagaError {
  readonly code = 'payment_mismatch';
  readonly key: string;
  readonly mismatch: AnswerMismatch;
  constructor(key: string, mismatch: AnswerMismatch) {
    const { field, expected, found } = mismatch;
    super(`the provider's answer for ${key} says ${field} ${found ?? 'nothing'} where ${expected} was asked for`);
    this.key = key;
    this.mismatch = mismatch;
  }

  /** The field that differs. */
  get field(): string {
    return this.mismatch.field;
  }
}

/** The provider no longer has the authorization: it was voided there, or has lapsed. Nothing can be captured. */
export class AuthorizationGoneError extends OrderSagaError {
  readonly code = 'authorization_gone';
  readonly key: string;
  constructor(key: string, why: string) {
    super(`nothing can be captured under ${key} any more: ${why}`);
    this.key = key;
  }
}

/** Another command owns the order by now. The earlier command's request was not sent, or its result not recorded. */
export class OrderTurnOverError extends OrderSagaError {
  readonly code = 'order_turn_over';
  readonly orderId: string;
  constructor(orderId: string, turn: number) {
    super(`the turn ${turn} of order ${orderId} is over`);
    this.orderId = orderId;
  }
}

/**
 * The provider refused a refund for good (for example because the card is closed). The money stays owed until it is
 * proved to be paid back.
 */
export class RefundRefusedError extends OrderSagaError {
  readonly code = 'refund_refused';
  readonly key: string;
  constructor(key: string, why: string) {
    super(`the provider refused the refund ${key}: ${why}`);
    this.key = key;
  }
}

/** A provider reports about an order that does not exist. */
export class NoticeUnmatchedError extends OrderSagaError {
  readonly code = 'notice_unmatched';
  readonly eventId: string;
  constructor(eventId: string, orderId: string | null) {
    super(`the notice ${eventId} is about ${orderId ?? 'no order of ours'}, which is not there`);
    this.eventId = eventId;
  }
}

/** A provider reports money that no command of ours has moved, or that did not move as the books say. */
export class NoticeUnexpectedError extends OrderSagaError {
  readonly code = 'notice_unexpected';
  readonly eventId: string;
  constructor(eventId: string, kind: string, key: string | null) {
    super(`the notice ${eventId} tells of ${kind} under ${key ?? 'no key of ours'}, which does not fit the books`);
    this.eventId = eventId;
  }
}

/** The provider refused the request itself: the configuration or the code is wrong. */
export class PaymentContractError extends OrderSagaError {
  readonly code = 'payment_contract';
  readonly key: string;
  readonly why: string;
  constructor(key: string, why: string) {
    super(`the provider did not understand payment ${key}: ${why}`);
    this.key = key;
    this.why = why;
  }
}

/**
 * The provider refused a capture or a refund that exceeds what is left of the charge. Either the request was wrong, or
 * money was moved at the provider itself.
 */
export class AmountExceedsLeftError extends PaymentContractError {}

/** The mail server did not accept the message this time. */
export class MailUnavailableError extends OrderSagaError {
  readonly code = 'mail_unavailable';
  readonly orderId: string;
  constructor(orderId: string, cause: unknown) {
    super(`the mail for ${orderId} could not be delivered now`, { cause });
    this.orderId = orderId;
  }
}

/** The circuit breaker around the mail server is open: the message was not sent. */
export class MailGatewayOpenError extends OrderSagaError {
  readonly code = 'mail_gateway_open';
  readonly orderId: string;
  constructor(orderId: string) {
    super(`the mail for ${orderId} was not sent: the circuit breaker is open`);
    this.orderId = orderId;
  }
}

/** The mail server refused the message for good (a 5xx answer). */
export class MailRejectedError extends OrderSagaError {
  readonly code = 'mail_rejected';
  readonly orderId: string;
  readonly smtpCode: number;
  constructor(orderId: string, smtpCode: number) {
    super(`the mail for ${orderId} was refused for good (${smtpCode})`);
    this.orderId = orderId;
    this.smtpCode = smtpCode;
  }
}

/** The SMS gateway did not accept the text message this time. */
export class SmsUnavailableError extends OrderSagaError {
  readonly code = 'sms_unavailable';
  readonly orderId: string;
  constructor(orderId: string) {
    super(`the text message for ${orderId} could not be sent now`);
    this.orderId = orderId;
  }
}

/** The circuit breaker around the SMS gateway is open: the text message was not sent. */
export class SmsGatewayOpenError extends OrderSagaError {
  readonly code = 'sms_gateway_open';
  readonly orderId: string;
  constructor(orderId: string) {
    super(`the text message for ${orderId} was not sent: the circuit breaker is open`);
    this.orderId = orderId;
  }
}

/** The SMS gateway refused the text message for good, for example because the number does not exist. */
export class SmsRejectedError extends OrderSagaError {
  readonly code = 'sms_rejected';
  readonly orderId: string;
  readonly status: number;
  constructor(orderId: string, status: number) {
    super(`the text message for ${orderId} was refused for good (${status})`);
    this.orderId = orderId;
    this.status = status;
  }
}

/** The receiver did not accept a webhook, or the webhook is not due yet; it is tried again after `retryInMs`. */
export class WebhookUndeliveredError extends OrderSagaError {
  readonly code = 'webhook_undelivered';
  readonly deliveryId: string;
  readonly why: string;
  readonly retryInMs: number;
  constructor(deliveryId: string, why: string, retryInMs: number) {
    super(`webhook ${deliveryId} is not delivered: ${why}`);
    this.deliveryId = deliveryId;
    this.why = why;
    this.retryInMs = retryInMs;
  }
}

/** Sealed contact data cannot be opened: the key is unknown here, or the data was changed. */
export class ContactUnreadableError extends OrderSagaError {
  readonly code = 'contact_unreadable';
  readonly keyId: string;
  constructor(keyId: string) {
    super(`contact data sealed with key ${keyId} cannot be opened`);
    this.keyId = keyId;
  }
}

/** Another worker has claimed a partition of the event log. This worker's unwritten results were dropped. */
export class EventPumpFencedError extends OrderSagaError {
  readonly code = 'event_pump_fenced';
  constructor(consumer: string, partition: number) {
    super(`${consumer}/${partition} belongs to another worker now`);
  }
}

/** Makes a switch exhaustive: a new member of a union does not compile until a case handles it. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value ${JSON.stringify(value)}`);
}
