import { isIPv6 } from 'node:net';

/** An API that listens on every address is reached at the loopback one. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Where a program on the same machine reaches an API, by what the API listens on. */
export function localApiUrl(host: string, port: number | string): string {
  const reached = LOOPBACK_OF[host] ?? host;
  return `http://${isIPv6(reached) ? `[${reached}]` : reached}:${port}`;
}
