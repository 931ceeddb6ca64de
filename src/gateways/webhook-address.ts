import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { WEBHOOK_URL_MAX } from '../domain/webhook.ts';

/** A webhook would have gone to an address that is not public. The message does not contain the address. */
export class AddressNotAllowedError extends Error {
  constructor() {
    super('the address is not public');
    this.name = 'AddressNotAllowedError';
  }
}

/** Global unicast. All other IPv6 addresses are local, mapped, translated or not assigned. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** This address is public by its number, but inside Azure's machines it serves their metadata and keys. */
const PUBLIC_BY_NUMBER_ONLY: ReadonlySet<string> = new Set(['168.63.129.16']);

/**
 * Whether an address belongs to the public internet. An address that contains an IPv4 address (mapped, 6to4, NAT64,
 * Teredo) is never accepted.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast' || PUBLIC_BY_NUMBER_ONLY.has(parsed.toString())) return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_IPV6);
}

/** The IP address in a URL's host, or null when the host is a name. URLs hold addresses only in their usual forms. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? null : bare;
}

/**
 * What is wrong with the address of a webhook, in words; null when it is fine. Names are checked again whenever a
 * connection is opened, because their addresses may change.
 */
export function webhookUrlProblem(address: string, allowPrivate: boolean): string | null {
  if (address.length > WEBHOOK_URL_MAX) return `must have at most ${WEBHOOK_URL_MAX} characters`;
  const url = URL.parse(address);
  if (url === null) return 'must be an absolute URL';
  if (url.href.length > WEBHOOK_URL_MAX) return `must have at most ${WEBHOOK_URL_MAX} characters when it is encoded`;
  return partsProblem(url, allowPrivate) ?? (allowPrivate || isPublicHost(url) ? null : 'must be a public address');
}

function partsProblem(url: URL, allowPrivate: boolean): string | null {
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) return 'must be an https address';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or a password';
  return url.hash === '' ? null : 'must not hold a fragment';
}

/** A name that is not known to be local counts as public until a connection is made. */
function isPublicHost({ hostname }: URL): boolean {
  const name = hostname.replace(/\.$/, '');
  const literal = literalAddress(name);
  return literal === null ? !/(^|\.)localhost$/.test(name) : isPublicAddress(literal);
}

/** Resolves a name to all its addresses. */
export type AddressResolver = (hostname: string, family: number) => Promise<LookupAddress[]>;

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

const resolveBySystem: AddressResolver = (hostname, family) => systemLookup(hostname, { all: true, family });

/**
 * A `lookup` for sockets that refuses a name if any of its addresses is not public. The socket connects to the checked
 * address without another look-up, so changing the name's address (DNS rebinding) has no effect.
 */
export function createPublicLookup(resolve: AddressResolver = resolveBySystem) {
  return (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    const family = options.family === 6 || options.family === 'IPv6' ? 6 : options.family === 4 ? 4 : 0;
    resolve(hostname, family).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
          callback(new AddressNotAllowedError(), '');
        } else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error('the name was not resolved'), '');
      },
    );
  };
}
