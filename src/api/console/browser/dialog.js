import { inWords, NOT_KNOWN, post, Problem } from './api.js';
import { h } from './dom.js';
import { time } from './format.js';
import { begin, isSame, unanswered } from './intents.js';

/**
 * Asks for a decision in a modal dialog and posts it to `path`. Enter confirms, Escape leaves, and the focus returns to
 * where it was. `bodyOf` makes the request from the input and may throw an {@link InputError}. A problem is shown
 * without losing the input; `isFinal(problem)` says which problems close the dialog. Resolves to the answer, or to null
 * when the person left the dialog.
 *
 * An act keeps one key until its answer is known: pressing again, here or after the page was loaded again, repeats the
 * same request. A different request is sent only after the person was told that the earlier one may have been carried
 * out.
 */
export function ask({ title, explanation, fields = [], confirm, danger = false, path, bodyOf, isFinal = () => false }) {
  const before = document.activeElement?.id ?? '';
  return new Promise((resolve, reject) => {
    const earlier = unanswered(path);
    const warning =
      earlier === null ? null : h('p', { class: 'notice bad', id: 'dialog-earlier' }, earlierWords(earlier));
    const complaint = h('p', { class: 'notice bad', role: 'alert', hidden: true });
    const submit = h('button', { type: 'submit', class: danger ? 'danger' : 'primary', id: 'dialog-confirm' }, confirm);
    const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Back');
    const form = h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'dialog-title' }, title),
      h('p', { id: 'dialog-text' }, explanation),
      warning,
      ...fields,
      complaint,
      h('div', { class: 'actions' }, submit, cancel),
    );
    const labels = { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' };
    const dialog = h('dialog', labels, form);
    let outcome = null;
    let warnedOf = null;
    if (earlier?.what === title) fillIn(form, earlier.typed);
    const send = () => {
      const typed = Object.fromEntries(new FormData(form));
      const body = bodyOf(new FormData(form));
      const open = unanswered(path);
      if (open !== null && isSame(open, title, typed)) return post(open, true);
      const wish = JSON.stringify(typed);
      if (open !== null && warnedOf !== wish) {
        warnedOf = wish;
        throw new InputError(`${earlierWords(open)} This is something else: press again to send it all the same.`);
      }
      return post(begin(path, { what: title, typed, body }), false);
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (submit.disabled) return;
      submit.disabled = true;
      complaint.hidden = true;
      try {
        outcome = await send();
        dialog.close();
      } catch (error) {
        if (isFinal(error)) {
          reject(error);
          dialog.close();
          return;
        }
        complaint.textContent = error instanceof InputError ? error.message : inWords(error);
        complaint.hidden = false;
        submit.disabled = false;
        if (!(error instanceof InputError) && !(error instanceof Problem)) console.error(error);
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      // The page was redrawn: the old element is gone, and a new one has its place.
      if (document.activeElement === document.body && before !== '') document.getElementById(before)?.focus();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector('input, textarea') ?? submit).focus();
  });
}

function earlierWords({ what, typed, at }) {
  const said = Object.values(typed).join(', ');
  return `${NOT_KNOWN} “${what}” (${said}), sent at ${time(at)}, may have been done. Sent again as it was, it is asked about: nothing is done twice.`;
}

function fillIn(form, typed) {
  for (const [name, value] of Object.entries(typed)) {
    const input = form.elements.namedItem(name);
    if (input !== null) input.value = value;
  }
}

/** Input that makes no sense. */
export class InputError extends Error {}
