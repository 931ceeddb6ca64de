import { get, inWords } from './api.js';
import { orderLink, parkedBadge, statusBadge } from './badges.js';
import { card, field, fill, h, pageTitle, table } from './dom.js';
import { money, time } from './format.js';
import { STATUSES } from './words.js';

const PAGE_SIZE = 25;
const ORDER_ID = /^ord_[a-z2-7]{26}$/;

/** Recent orders, and the search. */
export async function ordersPage(main, { query }) {
  const wanted = { status: query.get('status') ?? '', search: (query.get('search') ?? '').trim() };
  const list = h('div', {}, 'Reading …');
  fill(main, pageTitle('Orders'), card('Find an order', searchForm(wanted)), card(titleOf(wanted), list));
  await (wanted.search === '' ? listInto(list, { status: wanted.status }) : findInto(list, wanted.search));
}

function titleOf({ status, search }) {
  if (search !== '') return `Found for “${search}”`;
  return status === '' ? 'Recent orders' : `Recent orders: ${status.replaceAll('_', ' ')}`;
}

function searchForm({ status, search }) {
  const input = h('input', {
    id: 'search',
    name: 'search',
    type: 'search',
    value: search,
    maxlength: 128,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const options = Object.keys(STATUSES).map((name) =>
    h('option', { value: name, selected: name === status }, name.replaceAll('_', ' ')),
  );
  const select = h(
    'select',
    { id: 'status', onchange: () => go({ status: select.value }) },
    h('option', { value: '' }, 'all'),
    options,
  );
  const form = h(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Find orders' },
    field('Order id, reference or customer id', input),
    h('button', { type: 'submit', class: 'primary' }, 'Search'),
    field('Status', select),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (ORDER_ID.test(text)) location.hash = `#/orders/${text}`;
    else go({ search: text });
  });
  return form;
}

function go(wanted) {
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== ''));
  location.hash = `#/orders?${query}`;
}

async function listInto(element, filters, { cursor = null, above = [] } = {}) {
  const query = new URLSearchParams({ limit: PAGE_SIZE });
  if (filters.status !== '') query.set('status', filters.status);
  if (cursor !== null) query.set('cursor', cursor);
  try {
    const { items, nextCursor } = await get(`/v1/orders?${query}`);
    const all = [...above, ...items];
    const more = h(
      'button',
      { type: 'button', id: 'more', onclick: () => listInto(element, filters, { cursor: nextCursor, above: all }) },
      'Show more',
    );
    fill(element, orderTable(all), nextCursor === null ? null : more);
  } catch (error) {
    complain(element, error);
  }
}

/** The API searches by reference or by customer id; people need not know which of the two they have. */
async function findInto(element, text) {
  const word = encodeURIComponent(text);
  try {
    const pages = await Promise.all(
      ['reference', 'customerId'].map((name) => get(`/v1/orders?limit=${PAGE_SIZE}&${name}=${word}`)),
    );
    const byId = new Map(pages.flatMap(({ items }) => items).map((order) => [order.id, order]));
    const found = [...byId.values()].toSorted((left, right) => right.createdAt.localeCompare(left.createdAt));
    const isCut = pages.some(({ nextCursor }) => nextCursor !== null);
    fill(
      element,
      orderTable(found),
      isCut ? h('p', { class: 'hint' }, `There are more; these are the newest ${PAGE_SIZE}.`) : null,
    );
  } catch (error) {
    complain(element, error);
  }
}

function complain(element, error) {
  fill(element, h('p', { class: 'notice bad', role: 'alert' }, inWords(error)));
}

function orderTable(orders) {
  if (orders.length === 0) return h('p', { class: 'empty' }, 'There is no such order.');
  const rows = orders.map((order) => [
    orderLink(order.id),
    h('div', { class: 'badges' }, statusBadge(order.status), order.attention === null ? null : parkedBadge()),
    order.totalMinor === null ? '–' : money(order.totalMinor, order.currency),
    h('div', {}, order.customer.id, order.reference === null ? null : h('p', { class: 'hint' }, order.reference)),
    time(order.createdAt),
  ]);
  return table('Orders, newest first', ['Order', 'Status', 'Total', 'Customer', 'Created'], rows);
}
