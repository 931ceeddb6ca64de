import { get, inWords } from './api.js';
import { field, fill, h, pageTitle } from './dom.js';
import { signIn, signOut } from './session.js';

/** The page that asks for a token; `done` is called when the token was tried and accepted. */
export function signInPage(main, { complaint = '', done }) {
  const input = h('input', {
    id: 'token',
    name: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
  });
  const message = h('p', { class: 'notice bad', role: 'alert', hidden: complaint === '' }, complaint);
  const button = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const form = h(
    'form',
    { class: 'card narrow' },
    field('Token', input, 'It stays in this tab and is gone when you close it.'),
    message,
    h('div', { class: 'actions' }, button),
    h('p', { class: 'hint' }, 'No token? In development ', h('code', {}, 'npm run --silent token'), ' prints one.'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    signIn(input.value.trim());
    try {
      // This small read proves that the token is valid and has the scope that every page needs.
      await get('/v1/cases?limit=1');
      done();
    } catch (error) {
      signOut();
      message.textContent = inWords(error);
      message.hidden = false;
      button.disabled = false;
      input.select();
    }
  });
  fill(main, pageTitle('Sign in'), form);
  input.focus();
}
