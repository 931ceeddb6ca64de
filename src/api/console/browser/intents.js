import { who } from './session.js';

/**
 * An act that a person asked for, until its result is known: the request with its key. It outlives the page and the
 * tab, so that pressing again repeats the same request and never does it twice.
 */

const PREFIX = 'order-saga-intent ';

/** For browsers that store nothing. */
const unkept = new Map();

/** The intent about an address whose answer is not known; null when there is none. */
export function unanswered(path) {
  try {
    return JSON.parse(localStorage.getItem(nameOf(path))) ?? unkept.get(path) ?? null;
  } catch {
    return unkept.get(path) ?? null;
  }
}

/** Begins an intent: `what` in words, `typed` as it stood in the form, and the body that is sent. */
export function begin(path, { what, typed, body }) {
  const intent = { path, key: crypto.randomUUID(), at: new Date().toISOString(), what, typed, body };
  try {
    localStorage.setItem(nameOf(path), JSON.stringify(intent));
  } catch {
    unkept.set(path, intent);
  }
  return intent;
}

/** Ends an intent whose answer is known. */
export function end({ path }) {
  unkept.delete(path);
  try {
    localStorage.removeItem(nameOf(path));
  } catch {
    // No intent was stored.
  }
}

/** Whether a form asks for the same act as an intent. */
export function isSame(intent, what, typed) {
  return intent.what === what && JSON.stringify(intent.typed) === JSON.stringify(typed);
}

/** People who share a browser have separate intents. */
function nameOf(path) {
  const { tenant, subject } = who();
  return `${PREFIX}${tenant} ${subject} ${path}`;
}
