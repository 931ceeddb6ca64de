import { token } from './session.js';

/** An answer that is no success; `code` is the stable one of docs/errors.md. */
export class Problem extends Error {
  constructor(status, { code = 'no_answer', detail = 'The service does not answer.', errors = [] }) {
    const fields = errors.map((error) => `${error.pointer}: ${error.detail}`).join('; ');
    super(fields === '' ? detail : `${detail} (${fields})`);
    this.status = status;
    this.code = code;
    /** An earlier attempt may have been carried out although its answer was lost. */
    this.isRepeated = false;
  }
}

let onRefusal = () => {};

/** Says what happens when a token is not accepted (any more). */
export function whenRefused(listener) {
  onRefusal = listener;
}

/** Reads something. @throws {Problem} */
export function get(path, { signal } = {}) {
  return call(path, { signal });
}

/** Does something; a lost answer is asked for again under the same key, so it is done once. @throws {Problem} */
export async function post(path, body) {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify(body),
      });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      error.isRepeated = attempt > 1;
      if ((error.status !== 0 && error.status !== 503) || attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * attempt));
    }
  }
}

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

/** A problem in words for people. */
export function inWords(error) {
  if (!(error instanceof Problem)) return 'Something went wrong in this page; load it again.';
  switch (error.status) {
    case 401:
      return 'The token was refused: it is expired, forged, or for another service. `npm run token` prints a new one.';
    case 403:
      return `This token does not allow it: ${error.message}. Sign in with a token that has this scope.`;
    case 404:
      return 'There is no such thing, or it belongs to another tenant.';
    case 429:
      return 'Too many requests; wait a moment.';
    case 0:
    case 503:
      return `The service does not answer now (${error.message}). Nothing is lost; try again in a moment.`;
    default:
      return `It was refused: ${error.message}.`;
  }
}
