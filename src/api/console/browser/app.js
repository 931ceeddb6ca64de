import { whenRefused, inWords } from './api.js';
import { casePage } from './case.js';
import { casesPage, redrivePage } from './cases.js';
import { fill, h, pageTitle, say } from './dom.js';
import { number } from './format.js';
import { orderPage } from './order.js';
import { ordersPage } from './orders.js';
import { overviewPage } from './overview.js';
import { signOut, token, who } from './session.js';
import { signInPage } from './sign-in.js';
import { follow } from './stream.js';

const main = document.getElementById('main');
const nav = document.getElementById('nav');
const tools = document.getElementById('tools');
const connection = document.getElementById('connection');

/** The page that is shown; aborted when another one takes its place. */
let shown = { abort: new AbortController(), onOverview: () => {} };
let stream = null;
let overview = null;

const ROUTES = [
  { pattern: /^\/$/, open: (context) => overviewPage(main, context) },
  { pattern: /^\/cases$/, open: (context) => casesPage(main, context) },
  { pattern: /^\/cases\/([\w-]+)$/, open: (context) => casePage(main, context) },
  { pattern: /^\/redrives\/([\w-]+)$/, open: (context) => redrivePage(main, context) },
  { pattern: /^\/orders$/, open: (context) => ordersPage(main, context) },
  { pattern: /^\/orders\/([\w-]+)$/, open: (context) => orderPage(main, context) },
];

async function route() {
  shown.abort.abort();
  const page = { abort: new AbortController(), onOverview: () => {} };
  shown = page;
  if (token() === null) {
    askForToken('');
    return;
  }
  showFrame();
  stream ??= startStream();
  const [path = '/', search = ''] = (location.hash.slice(1) || '/').split('?');
  const found = ROUTES.find(({ pattern }) => pattern.test(path));
  if (found === undefined) {
    fill(main, pageTitle('There is no such page'), h('p', {}, h('a', { href: '#/' }, 'To the overview')));
    return;
  }
  window.scrollTo(0, 0);
  const id = found.pattern.exec(path)?.[1];
  await openPage(page, found, { id, query: new URLSearchParams(search) });
}

async function openPage(page, { open }, place) {
  const { signal } = page.abort;
  try {
    const opened = await open({ ...place, signal, overview });
    if (opened === undefined || shown !== page) return;
    page.onOverview = opened.onOverview;
    if (overview !== null) page.onOverview(overview);
  } catch (error) {
    if (signal.aborted) return;
    console.error(error);
    fill(main, pageTitle('This page failed'), h('p', { class: 'notice bad', role: 'alert' }, inWords(error)));
  }
}

function askForToken(complaint) {
  shown.abort.abort();
  stream?.abort();
  stream = null;
  overview = null;
  nav.hidden = true;
  say(connection, '');
  fill(tools, themeButton());
  document.querySelector('dialog')?.remove();
  signInPage(main, { complaint, done: () => void route() });
}

whenRefused((problem) => {
  if (token() === null || stream === null) return;
  signOut();
  askForToken(inWords(problem));
});

function showFrame() {
  const path = (location.hash.slice(1) || '/').split('?')[0];
  const link = (href, text, isHere) =>
    h('a', { href, id: `nav-${text.toLowerCase()}`, 'aria-current': isHere ? 'page' : null }, text);
  nav.hidden = false;
  fill(
    nav,
    link('#/', 'Overview', path === '/'),
    link('#/cases', 'Cases', /^\/(cases|redrives)/.test(path)),
    link('#/orders', 'Orders', path.startsWith('/orders')),
  );
  document.getElementById('nav-cases').append(h('span', { class: 'bubble', id: 'case-count', hidden: true }));
  showCaseCount();
  const { subject, tenant } = who();
  const leave = h(
    'button',
    {
      type: 'button',
      id: 'sign-out',
      onclick: () => {
        signOut();
        askForToken('');
      },
    },
    'Sign out',
  );
  fill(tools, h('span', { class: 'who' }, `${subject} at ${tenant}`), themeButton(), leave);
}

function showCaseCount() {
  const bubble = document.getElementById('case-count');
  if (bubble === null || overview === null) return;
  const { open } = overview.cases;
  bubble.hidden = open === 0;
  say(bubble, number(open));
  bubble.setAttribute('aria-label', `${number(open)} open`);
}

const STATES = {
  live: '',
  unavailable: 'The figures cannot be read now: the database does not answer. What you see is old.',
  lost: 'The connection is lost; connecting again. What you see is old.',
  forbidden: 'This token may not read the figures: it lacks the scope ops:read.',
};

function startStream() {
  const abort = new AbortController();
  void follow(abort.signal, {
    onOverview: (next) => {
      overview = next;
      showCaseCount();
      shown.onOverview(next);
    },
    onState: (state) => say(connection, STATES[state] ?? ''),
  });
  return abort;
}

function themeButton() {
  const root = document.documentElement;
  const isDark = () =>
    (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const label = () => (isDark() ? 'Light' : 'Dark');
  const toggle = ({ currentTarget }) => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    localStorage.setItem('order-saga-theme', root.dataset.theme);
    currentTarget.textContent = label();
  };
  return h('button', { type: 'button', id: 'theme', title: 'Change the colors', onclick: toggle }, label());
}

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => void route());
void route();
