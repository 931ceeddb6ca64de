import type { ClientRequest } from 'node:http';
import { TLSSocket } from 'node:tls';
import { AddressNotAllowedError } from './webhook-address.ts';

/**
 * Why a receiver gave no answer. Its owner reads this, and must not learn how our network looks from inside: so it is a
 * word from this list, and never a message with a name or an address.
 */
export const WEBHOOK_SILENCES = [
  'address_not_allowed',
  'name_not_resolved',
  'connection_refused',
  'tls_failed',
  'invalid_http',
  'timeout',
  'unreachable',
] as const;
export type WebhookSilence = (typeof WEBHOOK_SILENCES)[number];

/** Names the reason of an exchange that failed before the head of an answer arrived. */
export function silenceOf(error: unknown, request: ClientRequest, signal: AbortSignal): WebhookSilence {
  if (error instanceof AddressNotAllowedError) return 'address_not_allowed';
  if (signal.aborted) return 'timeout';
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'getaddrinfo') return 'name_not_resolved';
  if (code === 'ECONNREFUSED') return 'connection_refused';
  if (code === 'ETIMEDOUT') return 'timeout';
  if (code.startsWith('HPE_')) return 'invalid_http';
  // The socket connected, but TLS failed: an untrusted certificate, no common version, or no TLS at all.
  const { socket } = request;
  return socket instanceof TLSSocket && !socket.authorized && syscall !== 'connect' ? 'tls_failed' : 'unreachable';
}
