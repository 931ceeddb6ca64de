import { parseArgs } from 'node:util';

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
  --json           with --once: as JSON
  --url URL        the API (default: that of the last npm start)
  --token TOKEN    with the scopes ops:read and platform:read (default: .data/dev-token)`;

/** An argument cannot be used; the message says which and why. */
export class MonitorArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MonitorArgumentError';
  }
}

/** Reads the command line; null when help was asked for. @throws {MonitorArgumentError} */
export function readMonitorArguments(args: readonly string[]): MonitorPlan | null {
  const { once, json, url, token, help } = parse(args);
  if (help) return null;
  if (json && !once) throw new MonitorArgumentError('--json needs --once');
  if (url !== undefined && !URL.canParse(url)) throw new MonitorArgumentError(`--url: "${url}" is not an address`);
  return { once, json, url: url === undefined ? null : new URL(url).origin, token: token ?? null };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        url: { type: 'string' },
        token: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new MonitorArgumentError(first);
  }
}
