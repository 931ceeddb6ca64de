import { domainToASCII } from 'node:url';
import { z } from '@hono/zod-openapi';
import { holdsCardNumber } from '../../domain/personal-data/card-number.ts';
import { CARD_NUMBER_REFUSED } from './primitive-schemas.ts';

/** RFC 5321: a path of 256 octets with its angle brackets, and a local part of 64. */
const ADDRESS_MAX_OCTETS = 254;
const LOCAL_PART_MAX_OCTETS = 64;

/** RFC 1035, in the ASCII form of an internationalized name. */
const DOMAIN_MAX_OCTETS = 253;

/** The characters that RFC 5322 calls atext, and everything outside of ASCII, which RFC 6531 adds. */
const DOT_ATOM = /^[\w!#$%&'*+/=?^`{|}~\-\u0080-\u{10ffff}]+(?:\.[\w!#$%&'*+/=?^`{|}~\-\u0080-\u{10ffff}]+)*$/u;

/**
 * Characters that people cannot read or type: controls, spaces, half a surrogate pair, and invisible signs, except for
 * signs that join letters.
 */
const UNREADABLE = /[\p{Cc}\p{Cs}\p{Z}]|(?![\u200c\u200d])\p{Cf}/u;

/**
 * Labels have letters and digits, with hyphens only inside. The last label is not a number, so an IP address is not a
 * host name.
 */
const HOST_NAME = /^(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!\d+$)(?!-)[a-z0-9-]{2,63}(?<!-)$/;

/**
 * Whether mail can be sent to an address: its local part is a dot-atom of RFC 5322 or, internationalized, of RFC 6531,
 * and its domain is a host name, which may have letters of any script. Quoted local parts and addresses of hosts in
 * brackets are refused.
 */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || UNREADABLE.test(text)) return false;
  const localPart = text.slice(0, at);
  const host = hostNameOf(text.slice(at + 1));
  return (
    host !== null &&
    DOT_ATOM.test(localPart) &&
    octetsIn(localPart) <= LOCAL_PART_MAX_OCTETS &&
    octetsIn(`${localPart}@${host}`) <= ADDRESS_MAX_OCTETS &&
    octetsIn(text) <= ADDRESS_MAX_OCTETS
  );
}

/** The name in the form of DNS; null when it is not a host name. */
function hostNameOf(domain: string): string | null {
  // `domainToASCII` also decodes percent signs and reads IP addresses in any base, so only letters of names may reach
  // it.
  if (!/^[A-Za-z0-9.\-\u0080-\u{10ffff}]+$/u.test(domain)) return null;
  const name = domainToASCII(domain);
  return name.length <= DOMAIN_MAX_OCTETS && HOST_NAME.test(name) ? name : null;
}

function octetsIn(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** An address that mail can be sent to. */
export const emailAddress = z
  .string()
  .refine(isEmailAddress, 'is not an e-mail address')
  .refine((value) => !holdsCardNumber(value), CARD_NUMBER_REFUSED)
  .openapi({
    format: 'idn-email',
    maxLength: ADDRESS_MAX_OCTETS,
    description: 'Where the confirmation goes; sealed before it is stored anywhere',
    example: 'ada@example.com',
  });
