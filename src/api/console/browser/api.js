import { end } from './intents.js';
import { token } from './session.js';

/** An answer that is not a success; `code` is the stable code of docs/errors.md. */
export class Problem extends Error {
  constructor(status, { code = 'no_answer', detail = 'The service does not answer.', errors = [] }) {
    const fields = errors.map((error) => `${error.pointer}: ${error.detail}`).join('; ');
    super(fields === '' ? detail : `${detail} (${fields})`);
    this.status = status;
    this.code = code;
    /** True when it is not known whether the request was carried out, because its answer or an earlier one was lost. */
    this.isOpen = false;
  }
}

let onRefusal = () => {};

/** Sets what happens when a token is not accepted, or no longer accepted. */
export function whenRefused(listener) {
  onRefusal = listener;
}

/** Reads something. @throws {Problem} */
export function get(path, { signal } = {}) {
  return call(path, { signal });
}

/**
 * Does what an intent wants. After a lost answer the same key is sent again, so the act happens once. The intent ends
 * with the first answer that tells its result.
 * @throws {Problem}
 */
export async function post(intent, wasAsked) {
  let isOpen = wasAsked;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await call(intent.path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': intent.key },
        body: JSON.stringify(intent.body),
      });
      end(intent);
      return answer;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const isLost = error.status === 0 || error.status >= 500;
      // The server gives these answers before it looks at the request, so they say nothing about an earlier one.
      isOpen = isLost || (isOpen && AT_THE_DOOR.has(error.status));
      error.isOpen = isOpen;
      if (!isOpen) end(intent);
      if (!isLost || attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * attempt));
    }
  }
}

const AT_THE_DOOR = new Set([401, 403, 429]);

async function call(path, { headers = {}, ...init }) {
  const response = await open(path, { ...init, headers });
  return response.json();
}

/** The answer itself, for streams. @throws {Problem} */
export async function open(path, { headers = {}, ...init } = {}) {
  let response;
  try {
    response = await fetch(path, { ...init, headers: { ...headers, Authorization: `Bearer ${token() ?? ''}` } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, {});
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (response.status === 401) onRefusal(problem);
  throw problem;
}

/** What a person has to know before pressing again. */
export const NOT_KNOWN = 'An answer was lost: it is not known whether this was done.';

/** A problem in words for people. */
export function inWords(error) {
  if (!(error instanceof Problem)) return 'Something went wrong in this page; load it again.';
  if (error.isOpen) {
    return `${NOT_KNOWN} Press again to ask: nothing is done twice. (${error.message})`;
  }
  switch (error.status) {
    case 401:
      return 'The token was refused: it is expired, forged, or for another service. `npm run --silent token` prints a new one.';
    case 403:
      return `This token does not allow it: ${error.message}. Sign in with a token that has this scope.`;
    case 404:
      return 'There is no such thing, or it belongs to another tenant.';
    case 429:
      return 'Too many requests; wait a moment.';
    case 0:
    case 503:
      return `The service does not answer now (${error.message}). Try again in a moment.`;
    default:
      return `It was refused: ${error.message}.`;
  }
}
