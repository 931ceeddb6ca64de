import type { RetryClass } from '../src/activities/failure.ts';
import type { FailureCode } from '../src/domain/errors.ts';

/** What each class of failures means for an order; `docs/errors.md` shows it. */
export const RETRY_CLASS_EFFECTS = {
  transient:
    'The step is tried again by its policy, seen in the Web UI as a pending activity. When the policy’s budget is spent a case is opened.',
  permanent:
    'No retry can help, so a case is opened at once. A step that pays or holds waits for a person; a step that only goes forward or undoes is tried again every minute.',
  unknown_outcome:
    'The effect may have happened. Each further attempt looks it up by its key and sends it again with the same key, after 1 s, 5 s, 30 s, 2 min and 10 min; then a case is opened.',
} as const satisfies Record<RetryClass, string>;

/** Why a failure happens and what a person does about it. */
export interface FailureAdvice {
  readonly cause: string;
  readonly check: string;
}

/** One entry per failure code; a new code does not compile without its advice. */
export const FAILURE_ADVICE = {
  database_unavailable: {
    cause: 'PostgreSQL refused or lost the connection, was too busy, or is failing over.',
    check:
      'Is the server up (`/readyz`, `database`)? Are its connections used up (`DATABASE_POOL_SIZE` times the processes, `pg_stat_activity`)? Nothing else is to be done: steps go on by themselves.',
  },
  database_contract: {
    cause: 'A statement broke a constraint or does not fit the schema: a bug, or a migration that was not run.',
    check:
      'The message names the SQLSTATE and the constraint. Run `npm run migrate`; compare the versions of worker and schema; else report it. Then send `resumeOrder`.',
  },
  order_state_conflict: {
    cause: 'A step found the order in a status that it does not start from, for example after a change by hand.',
    check:
      'Compare the timeline (`GET /v1/orders/{id}/timeline`) with the workflow’s history; `npm run audit` names the orders that do not agree.',
  },
  payment_outcome_unknown: {
    cause: 'The payment provider did not answer, answered 5xx, or the connection broke after the request was sent.',
    check:
      'The provider’s status page and its record of the key in the message. When it answers again the next attempt adopts what it did; `resumeOrder` does not wait for the delay.',
  },
  payment_gateway_open: {
    cause: 'So many calls to the provider failed in this worker that further ones are not sent for a while.',
    check: 'As for `payment_outcome_unknown`: the provider or the way to it. The breaker closes by itself.',
  },
  payment_mismatch: {
    cause: 'The provider answered with another amount, currency or order than asked. It is never adopted.',
    check:
      'The message and the case’s `mismatch` say what was asked for and what was found; compare them with the provider’s records. ' +
      'Asking again gets the same answer, so the case offers what ends it: `abort` gives back whatever was taken, by key.',
  },
  payment_contract: {
    cause: 'The provider refused the request itself, or its answer cannot be read.',
    check: '`PAYMENT_GATEWAY_URL`, credentials, and the version of the provider’s interface. Then send `resumeOrder`.',
  },
  authorization_gone: {
    cause: 'The provider keeps the authorization no longer: it was voided there, or has lapsed.',
    check: 'Nothing: the capture ends as failed, and an order that was never captured expires (`payment_expired`).',
  },
  order_turn_over: {
    cause: 'A step of a command ran again (a reset, a slow worker) after another command had come to own the order.',
    check: 'Nothing: it was not sent, or not booked. The command that owns the order finds what the provider has.',
  },
  refund_refused: {
    cause: 'The provider cannot pay back to this method, for example because the card is closed.',
    check:
      'The money stays owed and is retried. When a case opens: pay back by another way, then `forceResolve` with the reference as evidence and a second approver.',
  },
  notice_unmatched: {
    cause: 'The payment provider reports about an order that is not here, an hour after the report came.',
    check:
      'Look the event up at the provider: another system on the same account, or an order of a database that is gone? If the order has come since, `retry`; else clear the money at the provider and `skip`.',
  },
  notice_unexpected: {
    cause:
      'The payment provider reports money that no command here has moved and that it does not list as moved: a second charge of a sold order, a dispute, a refund that failed after it was booked.',
    check:
      'Compare the receipt of the order with the provider’s records of the key. Clear the difference at the provider, then `skip`; `retry` judges again, and the case closes itself when the books agree.',
  },
  mail_unavailable: {
    cause: 'The mail server did not take the message now. The order is not affected.',
    check: 'Is the server up (`/readyz`, `mail`)? `SMTP_URL`? The message is tried for 24 hours, then given up.',
  },
  mail_gateway_open: {
    cause: 'So many messages failed in this worker that further ones are not sent for a while.',
    check: 'As for `mail_unavailable`. The breaker closes by itself.',
  },
  mail_rejected: {
    cause: 'The mail server refused the message for good: the mailbox does not exist, or the sender is not allowed.',
    check:
      'The SMTP code in the message; `MAIL_FROM` when many are refused. The message counts as `GAVE_UP`, the order is not affected.',
  },
  sms_unavailable: {
    cause: 'The SMS gateway did not answer, or not now (5xx, 429, 401, 403, 404). The order is not affected.',
    check: '`SMS_GATEWAY_URL` and `SMS_GATEWAY_TOKEN`; the gateway’s status. The message is tried for 24 hours.',
  },
  sms_gateway_open: {
    cause: 'So many text messages failed in this worker that further ones are not sent for a while.',
    check: 'As for `sms_unavailable`. The breaker closes by itself.',
  },
  sms_rejected: {
    cause: 'The SMS gateway refused the text message for good (another 4xx), for example for a number that is none.',
    check: 'The status in the message. The message counts as `GAVE_UP`, the order and its mail are not affected.',
  },
  webhook_undelivered: {
    cause:
      'The receiver of a webhook did not answer with 2xx, or too many deliveries to it are under way. No order is affected.',
    check:
      '`GET /v1/webhooks/{id}/deliveries` shows status, error and the beginning of the answer. It is tried for three days; see `docs/webhooks.md`.',
  },
  contact_unreadable: {
    cause: 'Contact data was sealed with a key that this worker does not have, or it was changed.',
    check: 'Put the key that the message names back into `CONTACT_KEYS` (old keys stay listed after the new one).',
  },
  event_pump_fenced: {
    cause: 'Another worker reads the partition now: this one had lost touch with Temporal, or its cursor was set back.',
    check: 'Nothing: the other one goes on. Often, it means that workers freeze for seconds; look at their CPU.',
  },
  unclassified: {
    cause: 'An error that the code does not know: a bug, or a step that ran into its time limit.',
    check: 'The worker’s log has its text, found by the order id. Report it; after the fix send `resumeOrder`.',
  },
} as const satisfies Record<FailureCode, FailureAdvice>;
