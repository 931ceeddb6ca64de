import { inWords, open, Problem } from './api.js';
import { fill, h, pageTitle } from './dom.js';

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;

/** Without an event for this long the connection is dead, even if it seems open: the server sends one every 2 s. */
const SILENCE_MS = 10_000;

/**
 * Follows the overview until the signal is aborted, over any number of connections. `EventSource` cannot send a token,
 * so the events are read from a plain answer.
 */
export async function follow(signal, { onOverview, onState }) {
  let retryMs = RETRY_FIRST_MS;
  while (!signal.aborted) {
    try {
      await readStream(signal, ({ event, data }) => {
        retryMs = RETRY_FIRST_MS;
        onState(event === 'overview' ? 'live' : 'unavailable');
        if (event === 'overview') onOverview(JSON.parse(data));
      });
    } catch (error) {
      // A refused token: a person has to sign in again, which starts another stream.
      if (signal.aborted || error.status === 401) return;
      onState(error.status === 403 ? 'forbidden' : 'lost');
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }
}

/**
 * Reads one connection to its end.
 * @throws when the connection breaks, or is silent for too long.
 */
async function readStream(signal, onEvent) {
  const silence = new AbortController();
  const startTimer = () => setTimeout(() => silence.abort(), SILENCE_MS);
  let timer = startTimer();
  try {
    const response = await open('/v1/console/stream', { signal: AbortSignal.any([signal, silence.signal]) });
    for await (const event of eventsOf(response.body)) {
      clearTimeout(timer);
      timer = startTimer();
      onEvent(event);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Parses server-sent events; each ends with an empty line. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n').map((line) => line.split(/: (.*)/s));
      const valueOf = (name) => lines.find(([key]) => key === name)?.[1] ?? '';
      yield { event: valueOf('event'), data: valueOf('data') };
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Not signed in, not allowed, not there: asking again helps nobody. */
const HOPELESS = new Set([401, 403, 404]);

/**
 * Looks again after each pause until `look` answers that it is over, or the page is left. A refusal of the API is shown
 * in place of a page that was never drawn; a page that is drawn already stays.
 */
export async function followPage(main, { title, signal, isDrawn, pause }, look) {
  while (!signal.aborted) {
    try {
      const isOver = await look();
      if (isOver) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      if (!isDrawn()) fill(main, pageTitle(title), h('p', { class: 'notice bad', role: 'alert' }, inWords(error)));
      if (HOPELESS.has(error.status)) return;
    }
    await pause();
  }
}
