const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. Texts become text nodes and never HTML, so that customers cannot add markup. Properties that start
 * with `on` are listeners; `true` and `false` set and remove an attribute.
 */
export function h(tag, properties = {}, ...children) {
  return build(document.createElement(tag), properties, children);
}

/** As `h`, for SVG. */
export function svg(tag, properties = {}, ...children) {
  return build(document.createElementNS(SVG, tag), properties, children);
}

function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replaces what an element holds, and gives the focus back to the element of the same id. */
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : '';
  element.replaceChildren(...children.flat().filter(Boolean));
  if (focused !== '') document.getElementById(focused)?.focus();
}

/** Sets a text only when it differs, so that screen readers do not read it again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A heading that gets the focus when its page opens. */
export function pageTitle(text, ...more) {
  document.title = `${text} - order-saga console`;
  return h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, text), ...more);
}

/** A card with a heading. */
export function card(title, ...children) {
  const id = `card-${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), ...children);
}

/** Names and values; a value that is null is left out. */
export function facts(entries) {
  const rows = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return h(
    'dl',
    { class: 'facts' },
    rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

/** A table that turns into cards on a phone. `columns` are titles, `rows` arrays of cells. */
export function table(caption, columns, rows) {
  return h(
    'table',
    {},
    h('caption', { class: 'hidden' }, caption),
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((title) => h('th', { scope: 'col' }, title)),
      ),
    ),
    h(
      'tbody',
      {},
      rows.map((cells) =>
        h(
          'tr',
          {},
          cells.map((cell, index) => h('td', { 'data-label': columns[index] }, cell)),
        ),
      ),
    ),
  );
}

/** A field with its label and, if there is one, its hint. */
export function field(label, input, hint = '') {
  const hintId = `${input.id}-hint`;
  if (hint !== '') input.setAttribute('aria-describedby', hintId);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: input.id }, label),
    input,
    hint === '' ? null : h('p', { class: 'hint', id: hintId }, hint),
  );
}

/** A short message at the edge of the window, read aloud. */
export function toast(text) {
  const element = document.getElementById('toast');
  element.textContent = text;
  element.classList.add('shown');
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => element.classList.remove('shown'), 6_000);
}
