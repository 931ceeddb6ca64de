import { get } from './api.js';
import { orderLink, statusBadge } from './badges.js';
import { ask } from './dialog.js';
import { card, facts, field, fill, h, pageTitle, toast } from './dom.js';
import { age, money, time } from './format.js';
import { may, who } from './session.js';
import { followPage } from './stream.js';
import { ACTIONS, APPROVAL, CORRECTION, failureWords, stepWords } from './words.js';

const REFRESH_MS = 2_000;

/** One parked order: what happened, and what can be done about it. It follows what others do about the case. */
export async function casePage(main, { id, signal }) {
  const page = { message: '', shown: null, isDeciding: false, wake: () => {} };
  const pause = () =>
    new Promise((resolve) => {
      page.wake = resolve;
      setTimeout(resolve, REFRESH_MS);
    });
  await followPage(main, { title: 'Case', signal, isDrawn: () => page.shown !== null, pause }, async () => {
    const found = await get(`/v1/cases/${encodeURIComponent(id)}`, { signal });
    const state = `${found.state} ${found.version}`;
    if (state === page.shown || page.isDeciding) return false;
    const order = await get(`/v1/orders/${found.orderId}`, { signal }).catch(() => null);
    if (signal.aborted) return true;
    const isFirst = page.shown === null;
    page.shown = state;
    if (found.state !== 'open') {
      await showResolved(main, { found, order, notice: noticeOf(page) }, signal);
      return true;
    }
    fill(main, ...openCase({ found, order }, page));
    if (isFirst) main.querySelector('h1')?.focus();
    return false;
  });
}

function noticeOf({ message }) {
  return message === '' ? null : h('p', { class: 'notice', role: 'status', id: 'case-message' }, message);
}

function openCase({ found, order }, page) {
  const { step, errorCode, message, attempts, openedAt, orderId, proposal, workflow } = found;
  const { happened, check } = failureWords(errorCode);
  return [
    pageTitle('An order waits for you'),
    noticeOf(page),
    card(
      'What happened',
      h('p', { class: 'lead' }, `The system could not ${stepWords(step)}: ${happened}.`),
      h('p', {}, h('strong', {}, 'Look at this first: '), check),
      facts([
        ['Order', orderLink(orderId)],
        ['Amount', found.amountMinor === null ? null : money(found.amountMinor, found.currency)],
        ['The provider says', mismatchWords(found)],
        ['Total of the order', order === null ? null : money(order.totalMinor, order.currency)],
        ['Status', order === null ? null : statusBadge(order.status)],
        ['Has waited', `${age(openedAt)}, since ${time(openedAt)}`],
        ['Tried', attempts === 1 ? 'once' : `${attempts} times`],
        ['Message', h('code', {}, message)],
        ['Step and code', h('code', {}, `${step} / ${errorCode}`)],
      ]),
      h(
        'p',
        {},
        h(
          'a',
          { href: workflow.url, target: '_blank', rel: 'noopener noreferrer' },
          'Look at it in the Temporal Web UI ↗',
        ),
      ),
    ),
    proposal === null ? null : proposalNotice(proposal),
    card(
      'What you can do',
      h(
        'ul',
        { class: 'choices' },
        found.actions.map((action) => choice(found, action, page)),
      ),
    ),
  ];
}

/** Null when the answer matches the request. */
function mismatchWords({ mismatch, currency }) {
  if (mismatch === null) return null;
  const { field, expected, found } = mismatch;
  const words = (value) => (field === 'amountMinor' && currency !== null ? money(value, currency) : String(value));
  return `${found === null ? 'nothing' : words(found)} in place of ${words(expected)}`;
}

function proposalNotice({ actor, evidence }) {
  const mine = actor === who().subject;
  return h(
    'p',
    { class: 'notice' },
    mine ? 'You proposed to settle this by the reference ' : `${actor} proposed to settle this by the reference `,
    h('code', {}, evidence),
    mine
      ? '. Another person has to approve it: send them the address of this page. If the reference is wrong, settle by the right one below.'
      : '. Look the reference up yourself; if it proves the payment, approve it below, and if it is wrong, take it back.',
  );
}

function choice(found, action, page) {
  const { label, effect } = wordsOf(found, action);
  const obstacle = obstacleOf(action);
  const id = `action-${action}`;
  const button = h(
    'button',
    {
      type: 'button',
      id,
      class: action === 'retry' ? 'primary' : action === 'abort' ? 'danger' : '',
      disabled: obstacle !== '',
      'aria-describedby': `${id}-effect`,
      onclick: () => decide(found, action, page),
    },
    `${label} …`,
  );
  const words = obstacle === '' ? effect : `${effect} ${obstacle}`;
  return h('li', {}, button, h('p', { id: `${id}-effect` }, words));
}

/** The second of two people has other choices than the first. */
function wordsOf(found, action) {
  if (action === 'forceResolve' && found.proposal !== null) {
    return found.proposal.actor === who().subject ? CORRECTION : APPROVAL;
  }
  return ACTIONS[action] ?? { label: action, effect: '' };
}

/** Why a button cannot be pressed; empty when it can. The server checks again. */
function obstacleOf(action) {
  if (!may('ops:cases')) return 'Your token lacks the scope ops:cases or ops:write.';
  if (action === 'retryWith' && !may('ops:retry-with'))
    return 'Your token lacks the scope ops:retry-with or ops:write.';
  const isAboutProof = action === 'forceResolve' || action === 'withdraw';
  return isAboutProof && !may('ops:money') ? 'Your token lacks the scope ops:money.' : '';
}

async function decide(found, action, page) {
  const { label, effect } = wordsOf(found, action);
  const text = (id, placeholder = '') =>
    h('input', { id, name: id, required: true, maxlength: 255, autocomplete: 'off', placeholder });
  const fields = [
    action === 'retryWith'
      ? field('Payment method', text('method', 'pm_…'), 'A token of the provider, never a card number.')
      : null,
    action === 'forceResolve' ? field('Reference that proves it', text('evidence', 'bank-2026-0117')) : null,
    field(
      'Reason',
      h('input', { id: 'reason', name: 'reason', required: true, maxlength: 500, autocomplete: 'off' }),
      'Why, for the record.',
    ),
  ].filter(Boolean);
  const path = `/v1/cases/${found.id}/resolve`;
  const bodyOf = (form) => ({
    action,
    ...(action === 'retryWith' ? { patch: { method: form.get('method') } } : {}),
    ...(action === 'forceResolve' ? { evidence: form.get('evidence') } : {}),
    reason: form.get('reason'),
    version: found.version,
  });
  const danger = action === 'abort';
  const isFinal = ({ code }) => code === 'case_stale';
  page.isDeciding = true;
  try {
    const done = await ask({
      title: label,
      explanation: effect,
      fields,
      confirm: label,
      danger,
      path,
      bodyOf,
      isFinal,
    });
    if (done === null) return;
    const words = OUTCOMES[done.outcome] ?? done.outcome;
    tell(page, words);
  } catch (error) {
    if (!isFinal(error)) throw error;
    tell(page, SOMEBODY_FASTER);
  } finally {
    page.isDeciding = false;
    page.wake();
  }
}

/** Shows a message at once, and again at the top of the case when it is redrawn. */
function tell(page, words) {
  page.message = words;
  page.shown = null;
  toast(words);
}

const SOMEBODY_FASTER = 'Somebody else was faster: the case was reloaded. Nothing of yours was done.';

const OUTCOMES = {
  carried_out: 'Done: the order has your decision and goes on.',
  awaiting_second_approver: 'Written down. Nothing has happened yet: a second person has to approve it.',
  failed_again: 'It was tried and failed again.',
  withdrawn: 'The proposal is taken back. Nothing else has changed.',
  pending: 'Stored, and not done yet: the step is still being tried, or no worker runs. It is not lost.',
};

/** The order goes on by itself: follows it until it is at rest, or parked again. */
async function showResolved(main, { found, order, notice }, signal) {
  const status = h('p', { class: 'lead', role: 'status', id: 'order-status' });
  const show = (now) => {
    if (now === null) return;
    const parked = now.attention === null ? '' : ' It waits for a person again.';
    fill(status, 'The order is ', statusBadge(now.status), `.${parked}`);
    if (now.attention !== null && now.attention.caseId !== found.id) {
      status.append(' ', h('a', { href: `#/cases/${now.attention.caseId}` }, 'Open the new case'));
    }
  };
  fill(
    main,
    pageTitle('This case is resolved'),
    notice,
    card(
      'How it ended',
      status,
      facts([
        ['Order', orderLink(found.orderId)],
        ['Decision', found.resolution],
        ['By', found.owner],
        ['It was', `The system could not ${stepWords(found.step)}: ${failureWords(found.errorCode).happened}.`],
      ]),
      h('p', {}, h('a', { href: '#/cases', id: 'back' }, 'Back to the cases that wait')),
    ),
  );
  main.querySelector('h1')?.focus();
  show(order);
  for (let now = order; now !== null && now.attention === null && IN_MOTION.has(now.status) && !signal.aborted;) {
    now = await get(`/v1/orders/${found.orderId}?wait=10`, { signal }).catch(() => null);
    if (!signal.aborted) show(now);
  }
}

const IN_MOTION = new Set(['PENDING', 'CANCELLING', 'REFUNDING']);
