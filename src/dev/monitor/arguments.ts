import { ArgumentError, parseArguments } from '../../runtime/command-arguments.ts';

/** How to watch. */
export interface MonitorPlan {
  /** One snapshot instead of a page that is drawn anew each second. */
  readonly once: boolean;
  readonly json: boolean;
  /** Null: as `npm start` has written it. */
  readonly url: string | null;
  readonly token: string | null;
}

/** What `--help` and a mistake show. */
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

/** Reads the command line; null when help was asked for. @throws {ArgumentError} */
export function readMonitorArguments(args: readonly string[]): MonitorPlan | null {
  const given = parseArguments(args, { options: OPTIONS });
  if (given === null) return null;
  const { once, json, url, token } = given.values;
  if (json && !once) throw new ArgumentError('--json needs --once');
  if (url !== undefined && !URL.canParse(url)) throw new ArgumentError(`--url: "${url}" is not an address`);
  return { once, json, url: url === undefined ? null : new URL(url).origin, token: token ?? null };
}
