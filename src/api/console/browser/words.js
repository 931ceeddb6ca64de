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
  'record-refusal': 'write down that the order is refused',
  'undo-payment': 'give the payment back',
  'release-stock': 'give the held stock back',
  'reject-order': 'end the order as rejected',
  'extend-hold': 'hold the stock longer',
  'await-capture': 'write down that the capture is awaited',
  'decide-command': 'decide what a client asked for',
  'read-order': 'read the order',
  'read-money': 'read what was paid',
  'abandon-charge': 'prove that the first payment cannot happen any more',
  'capture-payment': 'take the authorized money',
  'abandon-capture': 'prove that the capture cannot happen any more',
  'release-authorization': 'release what was never captured',
  'record-expiry': 'store that the authorization expires',
  'end-command': 'store how the command ended',
  'refund-payment': 'pay the money back',
  'find-external': 'compare the books with the payment provider',
  'adopt-external': 'book what was moved at the payment provider itself',
  'record-evidence': 'store the proof of a payment outside',
  'settle-order': 'write down how the cancel or refund ended',
  'judge-notice': 'match what the payment provider reported with an order and its books',
  'return-charge': 'give money back that came when nobody expected it',
};

/** The reason of a failure, and what to check before deciding. */
export const FAILURES = {
  database_unavailable: {
    happened: 'the database did not answer, for longer than the step may wait',
    check: 'Is the database up again? Then try again.',
  },
  database_contract: {
    happened: 'the database refused a statement: a bug, or a migration that was not run',
    check: 'Tell the developers the message below. Try again after the fix.',
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
    happened: 'so many calls to the payment provider failed that no more were sent',
    check: 'Is the provider back? Then try again.',
  },
  payment_mismatch: {
    happened: 'the payment provider took another amount or currency than it was asked for',
    check: 'Compare both amounts with the provider’s records. Giving the order up gives back whatever was taken.',
  },
  payment_contract: {
    happened: 'the payment provider refused the request itself, or sent an answer that cannot be read',
    check: 'Is the payment method valid, and are the provider’s address and credentials right?',
  },
  authorization_gone: {
    happened: 'the payment provider keeps the authorization no longer',
    check: 'Nothing can be captured of it any more. The order ends by itself.',
  },
  order_turn_over: {
    happened: 'another command had come to move the money of this order',
    check: 'Nothing was done by this one. The other command goes on by itself.',
  },
  refund_refused: {
    happened: 'the payment provider refused to pay back to this method, for example because the card is closed',
    check: 'The customer is still owed the money. Pay it back another way, then settle the case by its proof.',
  },
  notice_unmatched: {
    happened: 'the payment provider reports about an order that is not here',
    check:
      'Look the event up at the provider. If the order has come since, try again; else clear the money there first.',
  },
  notice_unexpected: {
    happened: 'the payment provider reports money that no command here has moved',
    check: 'Compare the order’s receipt with the provider’s records, and clear the difference there first.',
  },
  mail_unavailable: { happened: 'the mail server did not take the message', check: 'Is the mail server up?' },
  mail_gateway_open: { happened: 'so many messages failed that no more were sent', check: 'Is the mail server up?' },
  mail_rejected: { happened: 'the mail server refused the message for good', check: 'Does the mailbox exist?' },
  sms_unavailable: { happened: 'the SMS gateway did not take the message', check: 'Is the SMS gateway up?' },
  sms_gateway_open: {
    happened: 'so many text messages failed that no more were sent',
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
    happened: 'another worker reads this part of the event log now',
    check: 'Nothing: the other one goes on.',
  },
  unclassified: {
    happened: 'an error came up that the system does not know: a bug, or a step that took too long',
    check: 'Tell the developers the message below. Trying again is safe.',
  },
};

/** What an operator can do: the button, and what happens when it is pressed. */
export const ACTIONS = {
  retry: {
    label: 'Try again',
    effect:
      'The step is done once more, under the same key: nothing can happen twice. ' +
      'If it works the order goes on by itself; if not, it waits here again.',
  },
  retryWith: {
    label: 'Try with another payment method',
    effect:
      'First it is made sure that the old payment cannot go through any more. ' +
      'Then the same amount is taken with the method that you enter.',
  },
  skip: {
    label: 'Go on without this step',
    effect: 'The step is left out, and what waits goes on without it. Nothing is sent to the provider.',
  },
  abort: {
    label: 'Give the order up',
    effect: 'Everything that was held or taken is given back, and the order ends as rejected. This cannot be undone.',
  },
  forceResolve: {
    label: 'Settle by proof',
    effect:
      'You state that the money moved outside this system, with a reference that proves it. ' +
      'Nothing is sent to the provider. A second person has to enter the same reference.',
  },
  withdraw: {
    label: 'Take the proposal back',
    effect: 'The proposed proof is forgotten, so that another one can be proposed. Nothing is sent to the provider.',
  },
};

/** The choice of the first of two people about a proof that he has proposed. */
export const CORRECTION = {
  label: 'Correct the proof',
  effect:
    'You proposed it, so another person has to approve it. If its reference is wrong, enter the right one: it takes the ' +
    'place of the first.',
};

/** The choice of the second of two people about a proof. */
export const APPROVAL = {
  label: 'Approve the proof',
  effect:
    'You state that you have seen the proof yourself. Enter its reference: if it is the one that was proposed, ' +
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
  'order.giving_back': 'What was left is being given back',
  'order.given_back': 'What was left was given back',
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
  'command.give_back': 'It was asked to give back what is left',
  'stock.held': 'Stock was held',
  'stock.committed': 'Held stock was deducted',
  'stock.released': 'Held stock was given back',
  'stock.expired': 'A hold ran out',
  'stock.restocked': 'Stock went back on the shelf',
  'message.resend': 'An operator had a message sent once more',
  'webhook.charge_succeeded': 'The payment provider reported a charge',
  'webhook.charge_failed': 'The payment provider reported a failed charge',
  'webhook.refunded': 'The payment provider reported a refund',
  'webhook.refund_failed': 'The payment provider reported a failed refund',
  'webhook.disputed': 'The customer disputes the charge, says the payment provider',
  'webhook.applied': 'It was decided what the report means',
  'webhook.other': 'The payment provider reported something else',
  'order.refunding_outside': 'A refund was made at the payment provider itself',
  'order.reconciling': 'The books are compared with the payment provider',
  'order.reconciled': 'What was moved at the payment provider itself was booked',
  'order.reconcile': 'An operator had the books compared with the payment provider',
  'case.opened': 'The order was parked: it waits for a person',
  'case.resolved': 'The case was resolved, the order goes on',
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
