import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import type { ApiEnv } from '../http/context.ts';

/** Who asks, where no token says so. */
export type NetworkOf = (c: Context<ApiEnv>) => string;

/** As proxies write addresses: some with a port behind it. */
const WITH_PORT = /^\[(.+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/;

/**
 * Tells networks by the address that the outermost of our own proxies saw: each adds the address it was called from to
 * the end of `X-Forwarded-For`, and what stands before these is the client's own invention. Without proxies of our own
 * the header counts for nothing.
 */
export function createNetworkOf(trustedHops: number): NetworkOf {
  return (c) => {
    const { remoteAddress = '' } = c.env.incoming.socket;
    const forwarded = trustedHops === 0 ? [] : (c.req.header('x-forwarded-for') ?? '').split(',');
    const hops = [...forwarded.slice(-trustedHops).map(addressIn), remoteAddress].filter((hop) => ipaddr.isValid(hop));
    return networkOf(hops[0] ?? remoteAddress);
  };
}

function addressIn(hop: string): string {
  const [, bracketed, plain] = WITH_PORT.exec(hop.trim()) ?? [];
  return bracketed ?? plain ?? hop.trim();
}

/** An address, or in IPv6 the network that one customer of a provider gets. */
function networkOf(text: string): string {
  if (!ipaddr.isValid(text)) return text;
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  return `${new ipaddr.IPv6([...address.toByteArray().slice(0, 8), ...Array<number>(8).fill(0)]).toString()}/64`;
}
