import { get, inWords } from './api.js';
import { orderLink } from './badges.js';
import { ask, InputError } from './dialog.js';
import { card, facts, field, fill, h, pageTitle, table } from './dom.js';
import { age, plural } from './format.js';
import { may } from './session.js';
import { failureWords, stepWords } from './words.js';

const PAGE_SIZE = 25;

/** All orders that wait for a person, by cause and one by one. */
export async function casesPage(main, { query, overview }) {
  const filters = { step: query.get('step') ?? '', errorCode: query.get('errorCode') ?? '' };
  const causes = h('div', {});
  const list = h('div', {}, 'Reading …');
  const form = h('form', { class: 'filters', role: 'search', 'aria-label': 'Filter cases' });
  fill(main, pageTitle('Orders that wait for a person'), causes, card('Cases', form, list));
  const show = ({ cases }) => {
    fill(causes, cases.causes.length > 0 ? causesCard(cases.causes) : null);
    fill(form, filterFields(cases.causes, filters));
  };
  show(overview ?? { cases: { causes: [] } });
  await listInto(list, filters);
  let known = overview?.cases;
  return {
    onOverview: (next) => {
      if (known?.open === next.cases.open && sameCauses(known.causes, next.cases.causes)) return;
      known = next.cases;
      show(next);
      void listInto(list, filters);
    },
  };
}

function sameCauses(left, right) {
  const inShort = (causes) => causes.map(({ fingerprint, open }) => `${fingerprint} ${open}`).join();
  return inShort(left) === inShort(right);
}

function causesCard(causes) {
  const rows = causes.map(({ fingerprint, step, errorCode, open, oldestOpenedAt }, index) => [
    h(
      'div',
      {},
      h('strong', {}, `Could not ${stepWords(step)}`),
      h('p', { class: 'hint' }, failureWords(errorCode).happened),
    ),
    plural(open, 'order', 'orders'),
    age(oldestOpenedAt),
    h(
      'div',
      { class: 'actions' },
      h(
        'a',
        {
          id: `only-${index}`,
          href: `#/cases?step=${encodeURIComponent(step)}&errorCode=${encodeURIComponent(errorCode)}`,
        },
        'Show only these',
      ),
      h(
        'button',
        {
          type: 'button',
          id: `redrive-${index}`,
          disabled: !may('ops:cases'),
          onclick: () => redrive({ fingerprint, step, open }),
        },
        'Try all again …',
      ),
    ),
  ]);
  return card('Causes', table('Causes of open cases', ['What happened', 'How many', 'Oldest', 'What to do'], rows));
}

function filterFields(causes, filters) {
  const select = (name, label, values) => {
    const options = [...new Set([...values, filters[name]].filter((value) => value !== ''))].toSorted((left, right) =>
      left.localeCompare(right),
    );
    const change = (event) => {
      const next = new URLSearchParams(
        Object.entries({ ...filters, [name]: event.target.value }).filter(([, value]) => value !== ''),
      );
      location.hash = `#/cases?${next}`;
    };
    return field(
      label,
      h(
        'select',
        { id: `filter-${name}`, onchange: change },
        h('option', { value: '' }, 'all'),
        options.map((value) => h('option', { value, selected: value === filters[name] }, value)),
      ),
    );
  };
  return [
    select(
      'step',
      'Step',
      causes.map(({ step }) => step),
    ),
    select(
      'errorCode',
      'Error code',
      causes.map(({ errorCode }) => errorCode),
    ),
  ];
}

async function listInto(element, filters, { cursor = null, above = [] } = {}) {
  const query = new URLSearchParams({ state: 'open', limit: PAGE_SIZE });
  for (const [name, value] of Object.entries(filters)) if (value !== '') query.set(name, value);
  if (cursor !== null) query.set('cursor', cursor);
  try {
    const { items, nextCursor } = await get(`/v1/cases?${query}`);
    const all = [...above, ...items];
    const more = h(
      'button',
      { type: 'button', id: 'more', onclick: () => listInto(element, filters, { cursor: nextCursor, above: all }) },
      'Show more',
    );
    fill(
      element,
      all.length === 0 ? h('p', { class: 'empty' }, '✓ No case is open here.') : caseTable(all),
      nextCursor === null ? null : more,
    );
  } catch (error) {
    fill(element, h('p', { class: 'notice bad', role: 'alert' }, inWords(error)));
  }
}

function caseTable(cases) {
  const rows = cases.map(({ id, orderId, step, errorCode, openedAt, attempts, proposal }) => [
    h(
      'div',
      {},
      h('a', { href: `#/cases/${id}`, id: `open-${id}`, class: 'strong' }, `Could not ${stepWords(step)}`),
      h('p', { class: 'hint' }, errorCode, proposal === null ? '' : ' · waits for a second approver'),
    ),
    orderLink(orderId),
    age(openedAt),
    String(attempts),
  ]);
  return table('Open cases, newest first', ['Case', 'Order', 'Has waited', 'Attempts'], rows);
}

async function redrive({ fingerprint, step, open }) {
  const reason = h('input', { id: 'reason', name: 'reason', required: true, maxlength: 500, autocomplete: 'off' });
  const whole = (id, value) =>
    h('input', { id, name: id, type: 'number', min: 1, max: 100, value, required: true, inputmode: 'numeric' });
  const started = await ask({
    title: 'Try all of this cause again?',
    explanation:
      `${plural(open, 'order', 'orders')} could not ${stepWords(step)}. A few go first, then a tenth of them, then the rest. ` +
      'It stops by itself as soon as one fails again. Nothing is charged twice.',
    fields: [
      field('Reason', reason, 'Why it will work now, for the record.'),
      field('How many go first', whole('canary', 1)),
      field('Orders per second, at most', whole('maxPerSecond', 20)),
    ],
    confirm: 'Try all again',
    path: '/v1/cases/redrive',
    bodyOf: (form) => {
      const [canary, maxPerSecond] = [Number(form.get('canary')), Number(form.get('maxPerSecond'))];
      if (!Number.isInteger(canary) || !Number.isInteger(maxPerSecond)) throw new InputError('Enter whole numbers.');
      return { fingerprint, canary, maxPerSecond, reason: form.get('reason') };
    },
  });
  if (started !== null) location.hash = `#/redrives/${started.id}`;
}

const REDRIVE_STATES = {
  canary: 'The first ones are tried; nothing else is touched until they have succeeded.',
  tenth: 'The first ones succeeded; a tenth is tried.',
  rest: 'Going well; the rest is tried.',
  done: '✓ Done: all were tried.',
  stopped: '! Stopped: some failed again, so the rest was left alone. Mend the cause first.',
};

/** How far a redrive is. */
export async function redrivePage(main, { id, signal }) {
  const words = h('p', { role: 'status' }, 'Reading …');
  const figures = h('div', {});
  const link = h('p', {});
  const body = card('Progress', words, figures, link, h('p', {}, h('a', { href: '#/cases' }, 'Back to the cases')));
  fill(main, pageTitle('Trying many orders again'), body);
  while (!signal.aborted) {
    try {
      const progress = await get(`/v1/cases/redrives/${encodeURIComponent(id)}`, { signal });
      words.textContent = REDRIVE_STATES[progress.state] ?? progress.state;
      const { tried, resolved, failedAgain, url } = progress;
      fill(
        figures,
        facts([
          ['Tried', String(tried)],
          ['Succeeded', String(resolved)],
          ['Failed again', String(failedAgain)],
        ]),
        h('progress', {
          max: Math.max(1, tried),
          value: resolved + failedAgain,
          'aria-label': 'Tried orders that have ended',
        }),
      );
      fill(
        link,
        h(
          'a',
          { id: 'temporal', href: url, target: '_blank', rel: 'noopener noreferrer' },
          'Look at it in the Temporal Web UI ↗',
        ),
      );
      if (progress.state === 'done' || progress.state === 'stopped') return;
    } catch (error) {
      if (signal.aborted) return;
      words.textContent = inWords(error);
      if (error.status === 404) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
