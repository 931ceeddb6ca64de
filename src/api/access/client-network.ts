import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import type { ApiEnv } from '../http/context.ts';

/** The network of a caller without a valid token. */
export type NetworkOf = (c: Context<ApiEnv>) => string;

/** Proxies write addresses in this form; some append a port. */
const WITH_PORT = /^\[(.+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/;

/**
 * Tells networks apart by the address that the outermost of our own proxies saw. Each proxy appends the address of its
 * caller to `X-Forwarded-For`, and the client may have invented everything before these entries. Without proxies of our
 * own the header is ignored.
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

/** An address; for IPv6 the network that a provider gives to one customer. */
function networkOf(text: string): string {
  if (!ipaddr.isValid(text)) return text;
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  return `${new ipaddr.IPv6([...address.toByteArray().slice(0, 8), ...Array<number>(8).fill(0)]).toString()}/64`;
}
