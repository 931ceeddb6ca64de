import { inWords, Problem } from './api.js';
import { h } from './dom.js';

/**
 * Asks for a decision in a modal dialog. Enter confirms, Escape leaves, and the focus goes back to where it was. `act` does it and may throw a problem, which is shown without losing what was typed; `isFinal(problem)`
 * says which problems close the dialog. Resolves to what `act` returned, or to null when it was left.
 */
export function ask({ title, explanation, fields = [], confirm, danger = false, act, isFinal = () => false }) {
  const before = document.activeElement?.id ?? '';
  return new Promise((resolve, reject) => {
    const complaint = h('p', { class: 'notice bad', role: 'alert', hidden: true });
    const submit = h('button', { type: 'submit', class: danger ? 'danger' : 'primary', id: 'dialog-confirm' }, confirm);
    const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Back');
    const form = h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'dialog-title' }, title),
      h('p', { id: 'dialog-text' }, explanation),
      ...fields,
      complaint,
      h('div', { class: 'actions' }, submit, cancel),
    );
    const labels = { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' };
    const dialog = h('dialog', labels, form);
    let outcome = null;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (submit.disabled) return;
      submit.disabled = true;
      complaint.hidden = true;
      try {
        outcome = await act(new FormData(form));
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
      // The browser knows the element, but not the one that has taken its place while the page was drawn anew.
      if (document.activeElement === document.body && before !== '') document.getElementById(before)?.focus();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector('input, textarea') ?? submit).focus();
  });
}

/** Something typed that cannot be meant. */
export class InputError extends Error {}
