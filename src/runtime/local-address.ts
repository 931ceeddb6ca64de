import { isIPv6 } from 'node:net';

/** A server that listens on every address is reached at the loopback address. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** The host at which a program on the same machine reaches a server that listens on `host`. */
export function reachedHost(host: string): string {
  return LOOPBACK_OF[host] ?? host;
}

/** The URL at which a program on the same machine reaches an HTTP server that listens on `host`. */
export function localHttpUrl(host: string, port: number | string): string {
  return `http://${joinAddress(reachedHost(host), port)}`;
}

/** `host:port`, with the brackets of an IPv6 address. */
export function joinAddress(host: string, port: number | string): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
