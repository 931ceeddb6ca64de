import { h } from './dom.js';
import { STATUSES } from './words.js';

/** A status with its sign, so that it can be told without its color. */
export function statusBadge(status) {
  const { sign, tone, meaning } = STATUSES[status] ?? { sign: '•', tone: 'calm', meaning: '' };
  return h(
    'span',
    { class: `badge ${tone}`, title: meaning },
    h('span', { 'aria-hidden': 'true' }, sign),
    ` ${status.replaceAll('_', ' ')}`,
  );
}

/** Says that an order waits for a person. */
export function parkedBadge() {
  return h('span', { class: 'badge alarm' }, h('span', { 'aria-hidden': 'true' }, '!'), ' waits for a person');
}

/** An id that wraps where it must and leads to its page. */
export function orderLink(orderId) {
  return h('a', { href: `#/orders/${orderId}`, class: 'id' }, orderId);
}
