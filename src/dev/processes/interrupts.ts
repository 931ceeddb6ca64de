/** The part of `process` that is needed, so that tests can send signals of their own. */
export interface SignalSource {
  readonly ppid: number;
  on(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** Signals as requests. */
export interface Interrupts {
  /** Aborted by the first signal: stop in order. */
  readonly stop: AbortSignal;
  /** Resolves with `null` when `stop` is aborted. */
  readonly stopped: Promise<null>;
  /** Aborted by a second signal: do not wait for work in flight. */
  readonly hurry: AbortSignal;
}

/**
 * npm passes on a Ctrl-C that the terminal has already sent to the whole group, so two signals within this time count
 * as one.
 */
const SAME_WISH_MS = 1_000;

const PARENT_POLL_MS = 500;

/**
 * Listens for SIGINT, SIGTERM and SIGHUP (the terminal was closed); none of them ends the process by itself any more.
 * With `watchParent` the parent's death counts as a signal, too: npm sends SIGTERM to the shell that runs the script,
 * and many shells die without passing it on.
 */
export function createInterrupts(source: SignalSource, options: { readonly watchParent: boolean }): Interrupts {
  const stop = new AbortController();
  const hurry = new AbortController();
  const stopped = Promise.withResolvers<null>();
  let firstAt: number | null = null;
  const onSignal = (): void => {
    if (firstAt === null) {
      firstAt = Date.now();
      stop.abort(new Error('interrupted'));
      stopped.resolve(null);
    } else if (Date.now() - firstAt > SAME_WISH_MS) {
      hurry.abort();
    }
  };
  if (options.watchParent) onParentDeath(source, onSignal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(signal, onSignal);
  return { stop: stop.signal, stopped: stopped.promise, hurry: hurry.signal };
}

function onParentDeath(source: SignalSource, listener: () => void): void {
  const parent = source.ppid;
  const timer = setInterval(() => {
    if (source.ppid === parent) return;
    clearInterval(timer);
    listener();
  }, PARENT_POLL_MS);
  timer.unref();
}
