import type { RetryClass } from '../src/activities/failure.ts';
import type { FailureCode } from '../src/domain/errors.ts';

/** What each class of failures means for an order; `docs/errors.md` shows it. */
export const RETRY_CLASS_EFFECTS = {
  transient:
    'The step is tried again by its policy, and the Web UI shows it as a pending activity. When the policy’s budget is spent, a case opens.',
  permanent:
    'No retry can help, so a case opens at once. A step that holds stock or takes money waits for a person; every other step is also tried again by itself, after growing pauses (1 min to 12 h).',
  unknown_outcome:
    'The effect may have happened. Each further attempt looks the effect up by its key and, if it is absent, sends it again with the same key, after 1 s, 5 s, 30 s, 2 min and 10 min; then a case opens.',
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
      'Is the server up (`/readyz`, `database`)? Are its connections used up (`DATABASE_POOL_SIZE` times the processes, `pg_stat_activity`)? Nothing else is necessary: steps continue by themselves.',
  },
  database_contract: {
    cause:
      'A statement violated a constraint or does not fit the schema: the code has a bug, or a migration was not run.',
    check:
      'The message names the SQLSTATE and the constraint. Run `npm run migrate`, and compare the versions of worker and schema; if they match, report the bug. Then send `resumeOrder`.',
  },
  order_state_conflict: {
    cause: 'A step found the order in a status that the step does not start from, for example after a change by hand.',
    check:
      'Compare the timeline (`GET /v1/orders/{id}/timeline`) with the workflow’s history; `npm run audit` names the orders whose parts do not agree.',
  },
  payment_outcome_unknown: {
    cause: 'The payment provider did not answer, answered 5xx, or the connection broke after the request was sent.',
    check:
      'Look at the provider’s status page and at its record of the key in the message. When the provider answers again, the next attempt adopts its result; `resumeOrder` starts that attempt at once.',
  },
  payment_gateway_open: {
    cause: 'At least half of this worker’s calls to the provider failed, so it sends no further calls for a while.',
    check: 'As for `payment_outcome_unknown`: check the provider and the network to it. The breaker closes by itself.',
  },
  payment_mismatch: {
    cause: 'The provider answered with another amount, currency or order than requested. The answer is never adopted.',
    check:
      'The message and the case’s `mismatch` show the requested and the found value; compare them with the provider’s records. ' +
      'A repeated request gets the same answer, so the case offers `abort`, which gives back all taken money by key.',
  },
  payment_contract: {
    cause: 'The provider refused the request itself, or its answer cannot be read.',
    check:
      'Check `PAYMENT_GATEWAY_URL`, the credentials, and the version of the provider’s interface. Then send `resumeOrder`.',
  },
  authorization_gone: {
    cause: 'The provider no longer has the authorization: it was voided there, or has lapsed.',
    check:
      'Nothing is necessary: the capture ends as failed, and an order that was never captured expires (`payment_expired`).',
  },
  order_turn_over: {
    cause:
      'A step of a command ran again (after a reset, or on a slow worker) when another command owned the order already.',
    check:
      'Nothing is necessary: the step’s request was not sent, or its result not recorded. The command that owns the order looks up what the provider has.',
  },
  refund_refused: {
    cause: 'The provider cannot pay back to this method, for example because the card is closed.',
    check:
      'The money stays owed, and the refund is retried. When a case opens, pay the customer back in another way, then `forceResolve` with the reference as evidence and a second approver.',
  },
  notice_unmatched: {
    cause: 'The payment provider reported about an order that does not exist here, even an hour after the report.',
    check:
      'Look the event up at the provider: does it belong to another system on the same account, or to a database that is gone? If the order has come since, `retry`; else clear the money at the provider and `skip`.',
  },
  notice_unexpected: {
    cause:
      'The payment provider reports money that no command here has moved and that the provider does not list as moved: a second charge of a sold order, a dispute, or a refund that failed after it was recorded.',
    check:
      'Compare the receipt of the order with the provider’s records of the key. Clear the difference at the provider, then `skip`. `retry` judges the report again, and the case closes by itself when the books agree.',
  },
  mail_unavailable: {
    cause: 'The mail server did not accept the message this time. The order is not affected.',
    check:
      'Is the server up (`/readyz`, `mail`)? Is `SMTP_URL` right? The message is tried for 24 hours, then given up.',
  },
  mail_gateway_open: {
    cause: 'At least half of this worker’s messages failed, so it sends no further ones for a while.',
    check: 'As for `mail_unavailable`. The breaker closes by itself.',
  },
  mail_rejected: {
    cause: 'The mail server refused the message for good: the mailbox does not exist, or the sender is not allowed.',
    check:
      'Look at the SMTP code in the message, and at `MAIL_FROM` if many messages are refused. The message counts as `GAVE_UP`; the order is not affected.',
  },
  sms_unavailable: {
    cause:
      'The SMS gateway did not answer, or did not accept the message this time (5xx, 429, 401, 403, 404). The order is not affected.',
    check: 'Check `SMS_GATEWAY_URL`, `SMS_GATEWAY_TOKEN` and the gateway’s status. The message is tried for 24 hours.',
  },
  sms_gateway_open: {
    cause: 'At least half of this worker’s text messages failed, so it sends no further ones for a while.',
    check: 'As for `sms_unavailable`. The breaker closes by itself.',
  },
  sms_rejected: {
    cause:
      'The SMS gateway refused the text message for good (another 4xx), for example because the number does not exist.',
    check:
      'Look at the status in the message. The text message counts as `GAVE_UP`; the order and its mail are not affected.',
  },
  webhook_undelivered: {
    cause:
      'The receiver of a webhook did not answer with 2xx, or too many deliveries to it are under way. No order is affected.',
    check:
      '`GET /v1/webhooks/{id}/deliveries` shows status, error and the beginning of the answer. The delivery is tried for three days; see `docs/webhooks.md`.',
  },
  contact_unreadable: {
    cause: 'Contact data was sealed with a key that this worker does not have, or the data was changed.',
    check: 'Put the key that the message names back into `CONTACT_KEYS` (old keys stay listed after the new one).',
  },
  event_pump_fenced: {
    cause:
      'Another worker owns the partition now, because this one had lost contact with Temporal, or the cursor was set back.',
    check:
      'Nothing is necessary: the other worker continues. If it happens often, workers freeze for seconds: check their CPU.',
  },
  unclassified: {
    cause: 'The code does not know the error: there is a bug, or a step reached its time limit.',
    check:
      'Find the error’s text in the worker’s log by the order id, and report it. After the fix, send `resumeOrder`.',
  },
} as const satisfies Record<FailureCode, FailureAdvice>;
