import { ArgumentError, parseArguments } from '../../runtime/command-arguments.ts';

/** The options of the monitor. */
export interface MonitorPlan {
  /** One snapshot instead of a page that is redrawn each second. */
  readonly once: boolean;
  readonly json: boolean;
  /** Null means the address that `npm start` has written. */
  readonly url: string | null;
  readonly token: string | null;
}

/** The text that `--help` and a mistake print. */
export const MONITOR_USAGE = `npm run monitor -- [options]
  --once           print one snapshot and end
  --json           with --once: as JSON (npm run --silent monitor: else npm prints what it runs first)
  --url URL        the API (default: that of the last npm start)
  --token TOKEN    with the scopes ops:read and platform:read (default: .data/dev-token)`;

const OPTIONS = {
  once: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
  token: { type: 'string' },
} as const;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readMonitorArguments(args: readonly string[]): MonitorPlan | null {
  const given = parseArguments(args, { options: OPTIONS });
  if (given === null) return null;
  const { once, json, url, token } = given.values;
  if (json && !once) throw new ArgumentError('--json needs --once');
  if (url !== undefined && !URL.canParse(url)) throw new ArgumentError(`--url: "${url}" is not an address`);
  return { once, json, url: url === undefined ? null : new URL(url).origin, token: token ?? null };
}
