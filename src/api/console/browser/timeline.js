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

/** The details that people ask for; the rest is in the API. */
function detailOf({ data, type }, currency) {
  const { amountMinor, totalMinor, declineCode, providerRef, step, errorCode, reason, resolution, code } = data;
  const { sku, method, attempt, durationMs, decision } = data;
  const parts = [
    typeof amountMinor === 'number' ? money(amountMinor, data.currency ?? currency) : null,
    typeof totalMinor === 'number' ? money(totalMinor, currency) : null,
    typeof sku === 'string' ? `${pieces(data)} × ${sku}` : null,
    typeof method === 'string' ? `by ${method}` : null,
    typeof code === 'string' ? code.replaceAll('_', ' ') : null,
    typeof attempt === 'number' ? `attempt ${attempt}` : null,
    typeof durationMs === 'number' ? `${durationMs} ms` : null,
    typeof decision === 'string' ? decision.replaceAll('_', ' ') : null,
    typeof declineCode === 'string' ? `declined: ${declineCode}` : null,
    typeof providerRef === 'string' ? `reference ${providerRef}` : null,
    typeof step === 'string' && type !== 'payment.attempt' ? `step ${step}` : null,
    typeof errorCode === 'string' ? errorCode : null,
    typeof resolution === 'string' ? `by ${resolution.replaceAll('_', ' ')}` : null,
    typeof reason === 'string' && reason !== '' ? (type.startsWith('order.') ? reason : `“${reason}”`) : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : h('p', {}, parts.join(' · '));
}

/** Pieces that moved: a hold moves what is reserved, a sale moves both. */
function pieces({ onHandDelta, reservedDelta }) {
  return Math.abs(onHandDelta === 0 ? reservedDelta : onHandDelta);
}
