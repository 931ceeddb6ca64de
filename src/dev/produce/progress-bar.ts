import type { Terminal } from '../processes/progress.ts';
import type { OpenLoopCounts } from './open-loop.ts';
import type { Tally } from './tally.ts';

/** How often a terminal's line is redrawn, and how often a line is written elsewhere. */
const TERMINAL_INTERVAL_MS = 200;
const LINE_INTERVAL_MS = 5_000;

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001B[K';

/** The figures of the requests that were sent and answered so far. */
interface Figures {
  readonly tally: Tally;
  readonly counts: Readonly<OpenLoopCounts>;
}

/**
 * Shows the progress of a production until the returned function is called: by a bar on a terminal, by lines elsewhere.
 */
export function showProgress(
  terminal: Terminal,
  plan: { readonly what: string; readonly count: number },
  { tally, counts }: Figures,
): () => void {
  const isTerminal = terminal.isTTY === true;
  const show = (): void => {
    const text = progressText(plan, { tally, counts }, performance.now());
    terminal.write(isTerminal ? `${CLEAR_LINE}${progressBar(tally.sent / plan.count)} ${text}` : `${text}\n`);
  };
  const timer = setInterval(show, isTerminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    if (isTerminal) terminal.write(CLEAR_LINE);
  };
}

/** A bar for a share from 0 to 1. */
export function progressBar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${'='.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)}%`;
}

function progressText(
  { what, count }: { readonly what: string; readonly count: number },
  { tally, counts: { startedAt, inFlight } }: Figures,
  now: number,
): string {
  const refused = [...tally.refused.values()].reduce((sum, each) => sum + each, 0);
  const perSecond = Math.round(tally.sent / Math.max(0.001, (now - startedAt) / 1_000));
  const p95 = (tally.latency.getValueAtPercentile(95) / 1_000).toFixed(1);
  const trouble = refused === 0 ? '' : `, ${refused} refused`;
  return `${tally.sent} of ${count} ${what}, ${perSecond}/s, p95 ${p95} ms, ${inFlight} in flight${trouble}`;
}
