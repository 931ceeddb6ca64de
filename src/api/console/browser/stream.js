import { open } from './api.js';

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;

/** No event for this long: the connection is dead, whatever it says. The server sends one every 2 s. */
const SILENCE_MS = 10_000;

/**
 * Follows the overview until the signal is aborted, over any number of connections. `EventSource` cannot send a token,
 * so the events are read from a plain answer.
 */
export async function follow(signal, { onOverview, onState }) {
  let retryMs = RETRY_FIRST_MS;
  while (!signal.aborted) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await open('/v1/console/stream', { signal: AbortSignal.any([signal, silence.signal]) });
      for await (const { event, data } of eventsOf(response.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        retryMs = RETRY_FIRST_MS;
        onState(event === 'overview' ? 'live' : 'unavailable');
        if (event === 'overview') onOverview(JSON.parse(data));
      }
    } catch (error) {
      // A refused token: somebody has to sign in again, which starts a stream of its own.
      if (signal.aborted || error.status === 401) return;
      onState(error.status === 403 ? 'forbidden' : 'lost');
    } finally {
      clearTimeout(timer);
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
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
