import { bars, chartCard, lines } from './charts.js';
import { card, fill, h, pageTitle, say } from './dom.js';
import { age, duration, number, plural } from './format.js';
import { STATUSES } from './words.js';

/** How the lines of a chart look, in their order; see console.css. */
const STYLES = ['first', 'second', 'third'];

/** The first screen: does anything wait for a person, and is the shop selling? */
export function overviewPage(main) {
  const waiting = h('a', { id: 'waiting', class: 'waiting calm', href: '#/cases' }, 'Reading …');
  const hint = h('p', { class: 'hint' });
  const counts = new Map(Object.keys(STATUSES).map((status) => [status, h('span', { class: 'count' }, '–')]));
  const rate = chartCard('Orders confirmed per second', 'a bar per second');
  const latency = chartCard('From accepted to confirmed', 'p50 solid, p95 dashed');
  const events = eventCards();
  fill(
    main,
    pageTitle('Overview'),
    waiting,
    h('div', { class: 'grid' }, rate.card, latency.card),
    card('Orders by status', h('ul', { class: 'tiles' }, [...counts].map(toTile)), hint),
    events.section,
  );
  return {
    onOverview: (overview) => {
      showWaiting(waiting, overview);
      for (const [status, element] of counts) showCount(element, status, overview.orders.byStatus[status] ?? 0);
      const { windowHours, isCapped } = overview.orders;
      const limit = isCapped ? ', the newest 10,000 only' : '';
      say(hint, `Orders of the last ${windowHours} hours${limit}; those in motion whatever their age.`);
      showRate(rate, overview);
      showLatency(latency, overview);
      events.show(overview);
    },
  };
}

function toTile([status, count]) {
  const { sign, meaning } = STATUSES[status];
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'tile calm', href: `#/orders?status=${status}` },
      count,
      h('span', { class: 'tile-name' }, h('span', { 'aria-hidden': 'true' }, `${sign} `), status.replaceAll('_', ' ')),
      h('span', { class: 'hint' }, meaning),
    ),
  );
}

/** A status without orders is pale; color marks only what there is. */
function showCount(element, status, count) {
  say(element, number(count));
  element.parentElement.className = `tile ${count === 0 ? 'calm' : STATUSES[status].tone}`;
}

function showWaiting(element, { at, cases }) {
  const { open, isCapped, oldestOpenedAt } = cases;
  element.className = open === 0 ? 'waiting good' : 'waiting alarm';
  if (open === 0) {
    say(element, '✓ No order waits for a person.');
    return;
  }
  const amount = `${isCapped ? 'more than ' : ''}${plural(open, 'order waits', 'orders wait')}`;
  say(
    element,
    `! ${amount} for a person. The oldest has waited ${age(oldestOpenedAt, Date.parse(at))}. Look at ${open === 1 ? 'it' : 'them'} →`,
  );
}

function showRate({ figure, drawing }, { confirmed: { perSecond } }) {
  const recent = perSecond.slice(-10);
  const now = recent.reduce((sum, count) => sum + count, 0) / Math.max(1, recent.length);
  const top = Math.max(0, ...perSecond);
  const words = `${now.toFixed(1)} per second over the last 10 s; most in one second: ${top}`;
  say(figure, words);
  drawing.replaceChildren(bars(`Orders confirmed in each of the last 120 seconds. ${words}.`, perSecond));
}

function showLatency({ figure, drawing }, { at, latency }) {
  const { p50Ms, p95Ms, steps } = latency;
  const words =
    p50Ms === null
      ? 'No order was confirmed in the last 2 minutes'
      : `half within ${duration(p50Ms)} (p50), 95 of 100 within ${duration(p95Ms)} (p95)`;
  say(figure, words);
  const to = Date.parse(at);
  const points = (name) =>
    steps.map((step) => ({ at: Math.max(Date.parse(step.at), to - 120_000), value: step[name] }));
  const series = [
    { name: 'p50', points: points('p50Ms') },
    { name: 'p95', points: points('p95Ms') },
  ];
  drawing.replaceChildren(
    lines(`Time to confirm over the last 2 minutes: ${words}.`, { from: to - 120_000, to, series }),
  );
}

/** The event pipeline on the overview; hidden until there is an event. */
function eventCards() {
  const flow = chartCard('Events per second', 'accepted solid, processed dashed, failed dotted');
  const lag = chartCard('Events that wait', 'analytics solid, webhooks dashed');
  const oldest = chartCard('Age of the oldest event that waits', 'analytics solid, webhooks dashed');
  const section = h('div', { class: 'grid', id: 'events', hidden: true }, flow.card, lag.card, oldest.card);
  return {
    section,
    show: ({ at, events }) => {
      section.hidden = events === null;
      if (events === null) return;
      showFlow(flow, at, events);
      showConsumers(lag, { at, ...events }, LAG);
      showConsumers(oldest, { at, ...events }, OLDEST);
    },
  };
}

/** The content of a consumer's chart: its present lag in words, and the steps of the last minutes. */
const LAG = {
  title: 'Events that wait',
  toText: ({ lag }) => number(lag),
  valuesOf: (step) => step.lag,
};
const OLDEST = {
  title: 'Age of the oldest event that waits, in seconds',
  toText: ({ oldestSeconds }) => duration(oldestSeconds * 1_000),
  valuesOf: (step) => step.oldestSeconds,
};

function showFlow({ figure, drawing }, at, { accepted, consumers, steps }) {
  const last = steps.at(-1) ?? { accepted: 0, processed: 0, failed: 0 };
  const failed = consumers.reduce((sum, consumer) => sum + consumer.failed, 0);
  const retrying = consumers.reduce((sum, consumer) => sum + consumer.retrying, 0);
  const words =
    `${oneDecimal(last.accepted)} accepted, ${oneDecimal(last.processed)} processed, ${oneDecimal(last.failed)} failed per second; ` +
    `${number(accepted)} in the log, ${number(failed)} failed, ${number(retrying)} tried again`;
  say(figure, words);
  const values = [(step) => step.accepted, (step) => step.processed, (step) => step.failed];
  drawLines(drawing, `Events per second over the last 2 minutes: ${words}.`, { at, steps, values });
}

function showConsumers({ figure, drawing }, { at, consumers, steps }, { title, toText, valuesOf }) {
  const words = consumers.map((consumer) => `${consumer.name} ${toText(consumer)}`).join(', ');
  say(figure, words);
  const values = consumers.map((_, index) => (step) => valuesOf(step)[index] ?? 0);
  drawLines(drawing, `${title}, over the last 2 minutes: ${words}.`, { at, steps, values });
}

function drawLines(drawing, label, { at, steps, values }) {
  const to = Date.parse(at);
  const from = to - 120_000;
  const series = values.map((valueOf, index) => ({
    name: STYLES[index] ?? 'first',
    points: steps.map((step) => ({
      at: Math.min(to, Math.max(from, Date.parse(step.at))),
      value: Math.round(valueOf(step) * 1_000) / 1_000,
    })),
  }));
  drawing.replaceChildren(lines(label, { from, to, series }));
}

function oneDecimal(perSecond) {
  return number(Math.round(perSecond * 10) / 10);
}
