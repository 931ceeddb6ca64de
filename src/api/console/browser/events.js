import { chartCard, lines } from './charts.js';
import { h, say } from './dom.js';
import { duration, number } from './format.js';

/** How the lines of a chart look, in their order; see console.css. */
const STYLES = ['first', 'second', 'third'];

/** The event pipeline on the overview; hidden until there is an event. */
export function eventCards() {
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
      showConsumers(
        lag,
        at,
        events,
        'Events that wait',
        (figures) => number(figures.lag),
        (step) => step.lag,
      );
      showConsumers(
        oldest,
        at,
        events,
        'Age of the oldest event that waits, in seconds',
        ({ oldestSeconds }) => duration(oldestSeconds * 1_000),
        (step) => step.oldestSeconds,
      );
    },
  };
}

function showFlow({ figure, drawing }, at, { accepted, consumers, steps }) {
  const last = steps.at(-1) ?? { accepted: 0, processed: 0, failed: 0 };
  const failed = consumers.reduce((sum, consumer) => sum + consumer.failed, 0);
  const retrying = consumers.reduce((sum, consumer) => sum + consumer.retrying, 0);
  const words =
    `${round(last.accepted)} accepted, ${round(last.processed)} processed, ${round(last.failed)} failed per second; ` +
    `${number(accepted)} in the log, ${number(failed)} failed, ${number(retrying)} tried again`;
  say(figure, words);
  const values = [(step) => step.accepted, (step) => step.processed, (step) => step.failed];
  draw(drawing, `Events per second over the last 2 minutes: ${words}.`, at, steps, values);
}

function showConsumers({ figure, drawing }, at, { consumers, steps }, title, toText, valuesOf) {
  const words = consumers.map((consumer) => `${consumer.name} ${toText(consumer)}`).join(', ');
  say(figure, words);
  const values = consumers.map((_, index) => (step) => valuesOf(step)[index] ?? 0);
  draw(drawing, `${title}, over the last 2 minutes: ${words}.`, at, steps, values);
}

function draw(drawing, label, at, steps, values) {
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

function round(perSecond) {
  return number(Math.round(perSecond * 10) / 10);
}
