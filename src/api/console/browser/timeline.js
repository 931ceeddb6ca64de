import { statusBadge } from './badges.js';
import { h } from './dom.js';
import { duration, money, time } from './format.js';
import { entryWords } from './words.js';

const SOURCES = {
  order: { sign: '●', name: 'order' },
  command: { sign: '☞', name: 'command' },
  stock: { sign: '▤', name: 'stock' },
  payment: { sign: '€', name: 'money' },
  message: { sign: '✉', name: 'message' },
  webhook: { sign: '↩', name: 'provider' },
  operator: { sign: '☺', name: 'person' },
};

/** What happened, drawn as a line with one point per entry; the source is a sign and a word. */
export function timeline(items, currency) {
  if (items.length === 0) return h('p', { class: 'empty' }, 'Nothing has happened yet.');
  const rows = items.map((item, index) => {
    const { sign, name } = SOURCES[item.source] ?? { sign: '•', name: item.source };
    const before = items[index - 1];
    const pauseMs = before === undefined ? 0 : Date.parse(item.at) - Date.parse(before.at);
    return h(
      'li',
      { class: item.source },
      h('span', { class: 'point', 'aria-hidden': 'true' }, sign),
      h(
        'div',
        {},
        h('p', { class: 'strong' }, entryWords(item), ' ', item.to === null ? null : statusBadge(item.to)),
        detailOf(item, currency),
        h(
          'p',
          { class: 'hint' },
          h('time', { datetime: item.at }, time(item.at)),
          pauseMs > 0 ? ` · ${duration(pauseMs)} later` : '',
          ` · ${name} · ${item.actor}`,
        ),
      ),
    );
  });
  return h('ol', { class: 'timeline' }, rows);
}

/** The details that people ask for, in their order, with their types; the API has all others. */
const DETAILS = [
  ['amountMinor', 'number', (amountMinor, { data, currency }) => money(amountMinor, data.currency ?? currency)],
  ['totalMinor', 'number', (totalMinor, { currency }) => money(totalMinor, currency)],
  ['sku', 'string', (sku, { data }) => `${pieces(data)} × ${sku}`],
  ['method', 'string', (method) => `by ${method}`],
  ['code', 'string', (code) => code.replaceAll('_', ' ')],
  ['attempt', 'number', (attempt) => `attempt ${attempt}`],
  ['durationMs', 'number', (durationMs) => `${durationMs} ms`],
  ['decision', 'string', (decision) => decision.replaceAll('_', ' ')],
  ['declineCode', 'string', (declineCode) => `declined: ${declineCode}`],
  ['providerRef', 'string', (providerRef) => `reference ${providerRef}`],
  ['step', 'string', (step, { type }) => (type === 'payment.attempt' ? null : `step ${step}`)],
  ['errorCode', 'string', (errorCode) => errorCode],
  ['resolution', 'string', (resolution) => `by ${resolution.replaceAll('_', ' ')}`],
  ['reason', 'string', (reason, { type }) => reasonWords(reason, type)],
];

function reasonWords(reason, type) {
  if (reason === '') return null;
  return type.startsWith('order.') ? reason : `“${reason}”`;
}

function detailOf({ data, type }, currency) {
  const parts = DETAILS.filter(([name, wanted]) => typeof data[name] === wanted)
    .map(([name, , words]) => words(data[name], { data, type, currency }))
    .filter((part) => part !== null);
  return parts.length === 0 ? null : h('p', {}, parts.join(' · '));
}

/** The pieces that moved: a hold changes the reserved figure, a sale changes both. */
function pieces({ onHandDelta, reservedDelta }) {
  return Math.abs(onHandDelta === 0 ? reservedDelta : onHandDelta);
}
