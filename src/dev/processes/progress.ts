/** Somewhere to show progress: `process.stderr`, or something like it. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How the progress of one long task is shown. */
export interface Progress {
  /** Says what is going on now. */
  update(doing: string): void;
  /** Removes the updating line; nothing is shown after it. */
  end(): void;
}

/** How often a terminal's line changes, and how often a log gets a line. */
const TERMINAL_INTERVAL_MS = 1_000;
const LOG_INTERVAL_MS = 15_000;

const CLEAR_LINE = '\r\u001B[K';

/**
 * Shows that a long task is running: on a terminal by one line that changes every second, elsewhere by a line every 15
 * s. Both contain the elapsed seconds and the last `update`.
 */
export function createProgress(options: { title: string; log: (line: string) => void; terminal: Terminal }): Progress {
  const { title, log, terminal } = options;
  const startedAt = Date.now();
  let doing = '';
  const text = (): string => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    return `${title}: ${seconds} s${doing === '' ? '' : `, ${doing}`}`;
  };
  const show = (): void => {
    if (terminal.isTTY === true) terminal.write(`${CLEAR_LINE}${text().slice(0, 110)}`);
    else log(text());
  };
  const timer = setInterval(show, terminal.isTTY === true ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS);
  return {
    update: (now) => {
      doing = now;
    },
    end: () => {
      clearInterval(timer);
      if (terminal.isTTY === true) terminal.write(CLEAR_LINE);
    },
  };
}
