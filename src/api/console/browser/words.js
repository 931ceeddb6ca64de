// The system's names in words for people who have never seen the code. A test compares the keys with the lists in the
// code; a name without words is shown itself.

/** The text of each step, to be read after "could not". */
export const STEPS = {
  'open-order': 'store the order',
  'hold-stock': 'hold the stock',
  'take-payment': 'take the payment',
  'commit-stock': 'deduct the sold pieces from stock',
  'retake-stock': 'hold the stock again after its hold ran out',
  'confirm-order': 'confirm the order',
  'record-refusal': 'record that the order is refused',
  'undo-payment': 'give back the payment',
  'release-stock': 'give back the held stock',
  'reject-order': 'end the order as rejected',
  'extend-hold': 'hold the stock longer',
  'await-capture': 'record that the capture is awaited',
  'decide-command': 'decide what a client asked for',
  'read-order': 'read the order',
  'read-money': 'read what was paid',
  'abandon-charge': 'prove that the first payment can no longer happen',
  'capture-payment': 'take the authorized money',
  'abandon-capture': 'prove that the capture can no longer happen',
  'release-authorization': 'release the part that was never captured',
  'record-expiry': 'store that the authorization expires',
  'end-command': 'store how the command ended',
  'refund-payment': 'pay the money back',
  'find-external': 'compare the books with the payment provider',
  'adopt-external': 'record what was moved at the payment provider itself',
  'record-evidence': 'store the proof of a payment outside',
  'close-command': 'record how the cancel or refund ended',
  'judge-notice': 'match a report of the payment provider with an order and its books',
  'return-charge': 'give back unexpected money',
};

/** The reason of a failure, and what to check before deciding. */
export const FAILURES = {
  database_unavailable: {
    happened: 'the database did not answer, for longer than the step may wait',
    check: 'Is the database up again? Then try again.',
  },
  database_contract: {
    happened: 'the database refused a statement: the code has a bug, or a migration was not run',
    check: 'Send the message below to the developers. Try again after the fix.',
  },
  order_state_conflict: {
    happened: 'the order was not in the state that the step starts from, for example after a change by hand',
    check: 'Compare the timeline of the order, and tell the developers.',
  },
  payment_outcome_unknown: {
    happened: 'the payment provider gave no definite answer: the money may or may not have moved',
    check: 'Look at the provider’s status page. Trying again first looks the payment up, so nothing is charged twice.',
  },
  payment_gateway_open: {
    happened: 'at least half of the calls to the payment provider failed, so no more were sent',
    check: 'Is the provider back? Then try again.',
  },
  payment_mismatch: {
    happened: 'the payment provider took another amount or currency than it was asked for',
    check: 'Compare both amounts with the provider’s records. Giving the order up gives back all taken money.',
  },
  payment_contract: {
    happened: 'the payment provider refused the request itself, or sent an answer that cannot be read',
    check: 'Is the payment method valid, and are the provider’s address and credentials right?',
  },
  authorization_gone: {
    happened: 'the payment provider no longer has the authorization',
    check: 'Nothing more can be captured. The order ends by itself.',
  },
  order_turn_over: {
    happened: 'another command already moves the money of this order',
    check: 'This command has done nothing. The other command continues by itself.',
  },
  refund_refused: {
    happened: 'the payment provider refused to pay back to this method, for example because the card is closed',
    check: 'The customer is still owed the money. Pay it back another way, then settle the case by its proof.',
  },
  notice_unmatched: {
    happened: 'the payment provider reports about an order that does not exist here',
    check:
      'Look the event up at the provider. If the order has come since, try again; else first clear the money at the provider.',
  },
  notice_unexpected: {
    happened: 'the payment provider reports money that no command here has moved',
    check: 'Compare the order’s receipt with the provider’s records, and first clear the difference at the provider.',
  },
  mail_unavailable: { happened: 'the mail server did not accept the message', check: 'Is the mail server up?' },
  mail_gateway_open: {
    happened: 'at least half of the messages failed, so no more were sent',
    check: 'Is the mail server up?',
  },
  mail_rejected: { happened: 'the mail server refused the message for good', check: 'Does the mailbox exist?' },
  sms_unavailable: { happened: 'the SMS gateway did not accept the message', check: 'Is the SMS gateway up?' },
  sms_gateway_open: {
    happened: 'at least half of the text messages failed, so no more were sent',
    check: 'Is the SMS gateway up?',
  },
  sms_rejected: {
    happened: 'the SMS gateway refused the message for good',
    check: 'Does the number exist?',
  },
  webhook_undelivered: {
    happened: 'the receiver of a webhook did not accept it',
    check: 'What does the list of deliveries say?',
  },
  contact_unreadable: {
    happened: 'the contact data was sealed with a key that the worker does not have',
    check: 'Put the key back into the configuration, then try again.',
  },
  event_pump_fenced: {
    happened: 'another worker owns this part of the event log now',
    check: 'Nothing is necessary: the other worker continues.',
  },
  unclassified: {
    happened: 'the system does not know the error: there is a bug, or a step took too long',
    check: 'Send the message below to the developers. Trying again is safe.',
  },
};

/** What an operator can do: the button, and what happens when it is pressed. */
export const ACTIONS = {
  retry: {
    label: 'Try again',
    effect:
      'The step is tried once more under the same key: nothing can happen twice. ' +
      'If it succeeds, the order continues by itself; if not, it waits here again.',
  },
  retryWith: {
    label: 'Try with another payment method',
    effect:
      'First it is proved that the old payment can no longer succeed. ' +
      'Then the same amount is taken with the method that you enter.',
  },
  skip: {
    label: 'Go on without this step',
    effect: 'The step is left out, and its workflow continues without it. Nothing is sent to the provider.',
  },
  abort: {
    label: 'Give the order up',
    effect: 'All held stock and taken money are given back, and the order ends as rejected. This cannot be undone.',
  },
  forceResolve: {
    label: 'Settle by proof',
    effect:
      'You state that the money moved outside this system, with a reference that proves it. ' +
      'Nothing is sent to the provider. A second person has to enter the same reference.',
  },
  withdraw: {
    label: 'Take the proposal back',
    effect: 'The proposed proof is dropped, so that another one can be proposed. Nothing is sent to the provider.',
  },
};

/** The choice of the first of two people about a proof that he has proposed. */
export const CORRECTION = {
  label: 'Correct the proof',
  effect:
    'You proposed this proof, so another person has to approve it. If its reference is wrong, enter the right one, ' +
    'which replaces it.',
};

/** The choice of the second of two people about a proof. */
export const APPROVAL = {
  label: 'Approve the proof',
  effect:
    'You state that you have seen the proof yourself. Enter its reference: if it equals the proposed one, ' +
    'the case is settled at once. Nothing is sent to the provider.',
};

/** Each status has a sign beside its color. */
export const STATUSES = {
  PENDING: { sign: '◔', tone: 'busy', meaning: 'being carried out' },
  AWAITING_CAPTURE: { sign: '◷', tone: 'wait', meaning: 'authorized, not yet taken' },
  CONFIRMED: { sign: '✓', tone: 'good', meaning: 'sold' },
  REJECTED: { sign: '✕', tone: 'bad', meaning: 'refused, nothing taken' },
  CANCELLING: { sign: '◑', tone: 'busy', meaning: 'being cancelled' },
  CANCELLED: { sign: '⊘', tone: 'calm', meaning: 'cancelled, nothing taken' },
  EXPIRED: { sign: '⊖', tone: 'calm', meaning: 'authorization ran out' },
  REFUNDING: { sign: '↺', tone: 'busy', meaning: 'being paid back' },
  PARTIALLY_REFUNDED: { sign: '◐', tone: 'calm', meaning: 'partly paid back' },
  REFUNDED: { sign: '↩', tone: 'calm', meaning: 'paid back' },
};

const ENTRIES = {
  'order.opened': 'The order was accepted',
  'order.refused': 'It was decided to reject the order',
  'order.authorized': 'The payment was authorized; the capture is awaited',
  'order.capture_accepted': 'A capture was accepted',
  'order.confirmed': 'The order was confirmed',
  'order.capture_failed': 'A capture could not be made',
  'order.giving_back': 'The rest of the money is being given back',
  'order.given_back': 'The rest of the money was given back',
  'order.expiring': 'The authorized payment is being given back',
  'order.captured': 'More of the authorized money was taken',
  'order.cancelling': 'A cancel was accepted',
  'order.cancelled': 'The order was cancelled',
  'order.expired': 'The authorization ran out',
  'order.refunding': 'A refund was accepted',
  'order.partially_refunded': 'A part was paid back',
  'order.refunded': 'Everything was paid back',
  'order.rejected': 'The order was rejected',
  'command.cancel': 'A cancel was asked for',
  'command.capture': 'A capture was asked for',
  'command.refund': 'A refund was asked for',
  'command.give_back': 'An operator asked to give back the rest of the money',
  'stock.held': 'Stock was held',
  'stock.committed': 'Held stock was deducted',
  'stock.released': 'Held stock was given back',
  'stock.expired': 'A hold ran out',
  'stock.restocked': 'Stock went back on the shelf',
  'message.resend': 'An operator had a message sent again',
  'webhook.charge_succeeded': 'The payment provider reported a charge',
  'webhook.charge_failed': 'The payment provider reported a failed charge',
  'webhook.refunded': 'The payment provider reported a refund',
  'webhook.refund_failed': 'The payment provider reported a failed refund',
  'webhook.disputed': 'The payment provider reported that the customer disputes the charge',
  'webhook.applied': 'It was decided what the report means',
  'webhook.other': 'The payment provider reported something else',
  'order.refunding_outside': 'A refund was made at the payment provider itself',
  'order.reconciling': 'The books are compared with the payment provider',
  'order.reconciled': 'Money that was moved at the payment provider itself was recorded',
  'order.reconcile': 'An operator had the books compared with the payment provider',
  'case.opened': 'The order was parked: it waits for a person',
  'case.resolved': 'The case was resolved, and the order continues',
  'case.retry': 'An operator had the step tried again',
  'case.retryWith': 'An operator had the step tried with another payment method',
  'case.skip': 'An operator left the step out',
  'case.abort': 'An operator gave the order up',
  'case.propose': 'An operator proposed to settle by proof',
  'case.forceResolve': 'A second operator approved the proof',
  'case.withdraw': 'An operator took a proposed proof back',
};

/** A step in words. */
export function stepWords(step) {
  return STEPS[step] ?? `do the step ${step}`;
}

/** Why a step failed, in words. */
export function failureWords(errorCode) {
  return FAILURES[errorCode] ?? { happened: `it failed with ${errorCode}`, check: 'Read the message below.' };
}

const CALLS = {
  charge: 'The provider was asked to charge',
  lookup: 'The provider was asked what it knows',
  void: 'The provider was asked to void',
  capture: 'The provider was asked to capture',
  refund: 'The provider was asked to pay back',
};

/** An entry of the timeline in words. */
export function entryWords({ type, source, data }) {
  if (type in ENTRIES) return ENTRIES[type];
  const words = type.replace(/^[a-z]+\./, '').replaceAll('_', ' ');
  if (type === 'payment.attempt') return `${CALLS[data.call] ?? data.call}: ${data.outcome.replaceAll('_', ' ')}`;
  if (source === 'payment') return `Payment: ${words}`;
  if (source === 'message') {
    const number = Number(data.occurrence) > 1 ? ` (${String(data.occurrence)})` : '';
    return `Message ${String(data.template ?? '')}${number}: ${words}`;
  }
  return words.charAt(0).toUpperCase() + words.slice(1);
}
