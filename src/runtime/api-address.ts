import { isIPv6 } from 'node:net';

/** An API that listens on every address is reached at the loopback address. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** The address by which a program on the same machine reaches an API that listens on the given host. */
export function localApiUrl(host: string, port: number | string): string {
  const reached = LOOPBACK_OF[host] ?? host;
  return `http://${isIPv6(reached) ? `[${reached}]` : reached}:${port}`;
}
