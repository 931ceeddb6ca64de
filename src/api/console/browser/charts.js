import { card, h, svg } from './dom.js';

const WIDTH = 240;
const HEIGHT = 60;

/** A chart whose label says what it shows, for people who do not see it. */
function chart(label, ...shapes) {
  const viewBox = `0 0 ${WIDTH} ${HEIGHT}`;
  const box = { class: 'chart', viewBox, preserveAspectRatio: 'none', role: 'img', 'aria-label': label };
  return svg('svg', box, svg('line', { class: 'axis', x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT }), ...shapes);
}

/** One bar per value. */
export function bars(label, values) {
  const top = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length);
  const shapes = values.map((value, index) => {
    const height = (value / top) * (HEIGHT - 2);
    return svg('rect', { x: index * step, y: HEIGHT - height, width: step * 0.8, height });
  });
  return chart(label, shapes);
}

/** Lines over time; each has a class of its own, which also sets its dashes: color alone tells nothing. */
export function lines(label, { from, to, series }) {
  const top = Math.max(1, ...series.flatMap(({ points }) => points.map(({ value }) => value)));
  const x = (at) => ((at - from) / (to - from)) * WIDTH;
  const y = (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 6);
  const shapes = series.flatMap(({ name, points }) => [
    svg('polyline', { class: name, points: points.map(({ at, value }) => `${x(at)},${y(value)}`).join(' ') }),
    // A single point would make no line.
    points.length === 1 ? svg('circle', { class: name, cx: x(points[0].at), cy: y(points[0].value), r: 2 }) : null,
  ]);
  return chart(label, shapes.filter(Boolean));
}

/** A card with a figure in words and a drawing that belongs to it. */
export function chartCard(title, legend) {
  const figure = h('p', { class: 'figure' }, '–');
  const drawing = h('div', {});
  const scale = h('p', { class: 'scale' }, h('span', {}, '2 min ago'), h('span', {}, legend), h('span', {}, 'now'));
  return { card: card(title, figure, drawing, scale), figure, drawing };
}
