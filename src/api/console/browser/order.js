import { get } from './api.js';
import { parkedBadge, statusBadge } from './badges.js';
import { ask, InputError } from './dialog.js';
import { card, facts, field, fill, h, pageTitle, table, toast } from './dom.js';
import { major, money, parseAmount, time } from './format.js';
import { may } from './session.js';
import { followPage } from './stream.js';
import { timeline } from './timeline.js';
import { failureWords, stepWords } from './words.js';

const REFRESH_MS = 2_000;

/** Workers and pauses change without the order, so every fifth round looks at them. */
const EXPLAIN_EVERY = 5;

/** One order with everything that is known about it; it follows the order's changes. */
export async function orderPage(main, { id, signal }) {
  const path = `/v1/orders/${encodeURIComponent(id)}`;
  const read = (part) => get(`${path}/${part}`, { signal }).catch(() => null);
  const pause = () => new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  const shown = { state: null, summary: null };
  let round = 0;
  await followPage(main, { title: 'Order', signal, isDrawn: () => shown.state !== null, pause }, async () => {
    const isExplained = round % EXPLAIN_EVERY === 0;
    round += 1;
    const order = await get(path, { signal });
    const state = stateOf(order);
    const isChanged = state !== shown.state;
    const explanation = isChanged || isExplained ? await read('explain') : undefined;
    if (!isChanged && (explanation === undefined || explanation?.summary === shown.summary)) return false;
    const [history, receipt] = await Promise.all(['timeline', 'receipt'].map(read));
    if (signal.aborted) return true;
    fill(main, ...content(order, { explanation, history, receipt }));
    if (shown.state === null) main.querySelector('h1')?.focus();
    shown.state = state;
    shown.summary = explanation?.summary;
    return false;
  });
}

/** A text that changes whenever the page has to be redrawn. */
function stateOf({ version, attention, payment }) {
  return `${version} ${attention?.caseId ?? ''} ${payment.state}`;
}

function content(order, { explanation, history, receipt }) {
  return [
    pageTitle(
      'Order',
      h('p', { class: 'id' }, order.id),
      h('div', { class: 'badges' }, statusBadge(order.status), order.attention === null ? null : parkedBadge()),
    ),
    explainCard(order, explanation),
    h('div', { class: 'grid' }, moneyCard(order), stockCard(order)),
    card('Timeline', history === null ? unreadable() : timeline(history.items, order.currency)),
    card('Receipt', receipt === null ? unreadable() : receiptTable(receipt)),
    card(
      'About',
      facts([
        [
          'Customer',
          h(
            'a',
            { id: 'customer', href: `#/orders?search=${encodeURIComponent(order.customer.id)}` },
            order.customer.id,
          ),
        ],
        ['Reference', order.reference],
        ['Created', time(order.createdAt)],
        ['Last change', time(order.updatedAt)],
        ['Correlation id', h('code', {}, order.correlationId)],
        ['Version', String(order.version)],
      ]),
    ),
  ];
}

function unreadable() {
  return h('p', { class: 'hint' }, 'This cannot be read now.');
}

function explainCard(order, explanation) {
  const { attention, workflow } = order;
  const caseLink =
    attention === null
      ? null
      : h('a', { id: 'resolve', class: 'button primary', href: `#/cases/${attention.caseId}` }, 'Decide what to do →');
  const temporal = h(
    'a',
    { id: 'temporal', href: workflow.url, target: '_blank', rel: 'noopener noreferrer' },
    'Look at it in the Temporal Web UI ↗',
  );
  const [what, who, advice] = explanationWords(order, explanation);
  return card(
    'What is going on',
    h('p', { class: 'lead' }, what),
    who === '' ? null : h('p', {}, h('strong', {}, who)),
    advice === '' ? null : h('p', {}, advice),
    h('div', { class: 'actions' }, caseLink, ...commandButtons(order), temporal),
  );
}

const WHO = {
  nobody: '',
  'the system': 'The system works on it; nobody has to act.',
  'the client': 'The shop has to act.',
  'an operator': 'A person has to act.',
};

/** The API's words are for programs and people alike; this page has buttons, so addresses are left out. */
function explanationWords(order, explanation) {
  // A case is described by a person's words, unless something else keeps it from being decided.
  if (order.attention !== null && (explanation === null || explanation.situation === 'parked')) {
    const { step, errorCode } = order.attention;
    return [
      `The system could not ${stepWords(step)}: ${failureWords(errorCode).happened}. The order is parked until somebody decides.`,
      WHO['an operator'],
      failureWords(errorCode).check,
    ];
  }
  if (explanation === null) return ['This cannot be explained now: Temporal does not answer.', '', ''];
  const { capturedMinor, refundedMinor } = order.payment;
  const isPaidBack = order.status === 'REFUNDED' || order.status === 'PARTIALLY_REFUNDED';
  const summary = isPaidBack
    ? `${money(refundedMinor, order.currency)} of ${money(capturedMinor, order.currency)} are paid back.`
    : explanation.summary;
  const advice = explanation.advice.startsWith('POST ')
    ? `Take the money with the button below, until ${time(order.captureBy)}; without it, it is given back then.`
    : explanation.advice;
  return [summary, WHO[explanation.whoMustAct] ?? explanation.whoMustAct, advice];
}

function moneyCard({ payment, currency, totalMinor, captureBy, confirmedAt, cancelableUntil }) {
  const { capturableMinor } = payment;
  return card(
    'Money',
    facts([
      ['Total', money(totalMinor, currency)],
      ['State', payment.state.replaceAll('_', ' ')],
      ['Authorized', money(payment.authorizedMinor, currency)],
      ['Taken', money(payment.capturedMinor, currency)],
      ['Paid back', money(payment.refundedMinor, currency)],
      ...(capturableMinor === null ? [] : [['Can be taken', money(capturableMinor, currency)]]),
      ...(captureBy === null ? [] : [['To be taken by', time(captureBy)]]),
      ...(confirmedAt === null ? [] : [['Sold', time(confirmedAt)]]),
      ...(cancelableUntil === null ? [] : [['Can be cancelled until', time(cancelableUntil)]]),
      ['Method', h('code', {}, payment.method)],
    ]),
  );
}

function stockCard({ lines, currency, holdExpiresAt }) {
  const rows = lines.map(({ sku, quantity, unitPriceMinor, reservation }) => [
    sku,
    String(quantity),
    unitPriceMinor === null ? '–' : money(unitPriceMinor, currency),
    reservation ?? 'not held',
  ]);
  const until = holdExpiresAt === null ? null : h('p', { class: 'hint' }, `Held until ${time(holdExpiresAt)}.`);
  return card('Stock', table('Lines of the order', ['SKU', 'Pieces', 'Price', 'Stock'], rows), until);
}

function receiptTable({ effects }) {
  if (effects.length === 0) return h('p', { class: 'empty' }, 'Nothing has had an effect yet.');
  const rows = effects.map(({ kind, what, state, at, key, providerRef, undoneBy, attempts, movements }) => [
    h('div', {}, what, h('p', { class: 'hint' }, kind)),
    h(
      'div',
      {},
      state,
      attempts > 1 ? h('p', { class: 'hint' }, `${attempts} attempts`) : null,
      movements.map((movement) => h('p', { class: 'hint' }, `${movement.kind} ${time(movement.at)}`)),
    ),
    at === null ? '–' : time(at),
    h(
      'div',
      {},
      h('code', {}, providerRef ?? key),
      undoneBy === null ? null : h('p', { class: 'hint' }, `undone by ${undoneBy}`),
    ),
  ]);
  return table('Every effect with its proof', ['Effect', 'State', 'When', 'Proof'], rows);
}

const CANCELLABLE = new Set(['PENDING', 'AWAITING_CAPTURE', 'CONFIRMED', 'PARTIALLY_REFUNDED']);

function commandButtons(order) {
  const { status, payment, currency } = order;
  const toCapture = payment.capturableMinor ?? 0;
  const toRefund = payment.capturedMinor - payment.refundedMinor;
  const isCapturable = toCapture > 0;
  const isCancellable = order.cancelableUntil === null || Date.parse(order.cancelableUntil) > Date.now();
  const isRefundable = (status === 'CONFIRMED' || status === 'PARTIALLY_REFUNDED') && toRefund > 0;
  const button = ({ id, scope, style = '' }, text, onclick) =>
    h('button', { type: 'button', id, class: style, disabled: !may(scope), onclick }, text);
  const takes = `Of ${money(toCapture, currency)} that are authorized, the amount below is taken.`;
  const gives = `Of ${money(toRefund, currency)} that were taken, the amount below is paid back. This cannot be undone.`;
  return [
    isCapturable
      ? button({ id: 'capture', scope: 'captures:write' }, 'Take the money …', () =>
          move(order, 'capture', {
            title: 'Take the money?',
            explanation: takes,
            upToMinor: toCapture,
            confirm: 'Take it',
          }),
        )
      : null,
    isRefundable
      ? button({ id: 'refund', scope: 'refunds:write' }, 'Pay back …', () =>
          move(order, 'refunds', { title: 'Pay back?', explanation: gives, upToMinor: toRefund, confirm: 'Pay back' }),
        )
      : null,
    CANCELLABLE.has(status) && isCancellable
      ? button({ id: 'cancel', scope: 'orders:cancel', style: 'danger' }, 'Cancel the order …', () => cancel(order))
      : null,
  ];
}

const DECISIONS = {
  will_cancel: 'The order is being cancelled; nothing stays taken.',
  will_refund: 'The order is being cancelled; what was taken is paid back.',
  accepted: 'Accepted: it is under way.',
  pending: 'Stored: it is done as soon as a worker answers.',
};

async function cancel(order) {
  const reason = h('input', { id: 'reason', name: 'reason', required: true, maxlength: 500, autocomplete: 'off' });
  const done = await ask({
    title: 'Cancel the order?',
    explanation: 'Held stock and taken money are given back. This cannot be undone.',
    fields: [field('Reason', reason, 'Why, for the history.')],
    confirm: 'Cancel the order',
    danger: true,
    path: `/v1/orders/${order.id}/cancel`,
    bodyOf: (form) => ({ reason: form.get('reason') }),
  });
  if (done !== null) toast(DECISIONS[done.decision] ?? done.decision);
}

async function move(order, command, { upToMinor, ...words }) {
  const { currency } = order;
  const all = major(upToMinor, currency);
  const amount = h('input', {
    id: 'amount',
    name: 'amount',
    required: true,
    inputmode: 'decimal',
    value: all,
    autocomplete: 'off',
  });
  const reason = h('input', { id: 'reason', name: 'reason', required: true, maxlength: 500, autocomplete: 'off' });
  const isRefund = command === 'refunds';
  const done = await ask({
    ...words,
    fields: [
      field(`Amount in ${currency}`, amount),
      isRefund ? field('Reason', reason, 'Why, for the history.') : null,
    ].filter(Boolean),
    danger: isRefund,
    path: `/v1/orders/${order.id}/${command}`,
    bodyOf: (form) => {
      const amountMinor = parseAmount(String(form.get('amount')), currency);
      if (amountMinor === null) throw new InputError(`Enter an amount in ${currency}, for example ${all}.`);
      if (amountMinor > upToMinor) throw new InputError(`At most ${money(upToMinor, currency)}.`);
      return { amountMinor, ...(isRefund ? { reason: form.get('reason') } : {}) };
    },
  });
  if (done !== null) toast(DECISIONS[done.decision] ?? done.decision);
}
