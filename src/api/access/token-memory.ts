import type { Caller } from '../http/context.ts';

/** The callers of tokens that were verified a short time ago. */
export interface TokenMemory {
  find(token: string): Caller | undefined;
  /** `expiresAt` in milliseconds since the epoch: the token's own end. */
  keep(token: string, caller: Caller, expiresAt: number): void;
}

/**
 * How long a verified token is accepted without another check, and never past its own expiry. A client sends the same
 * token with every request, and checking a signature costs half a millisecond. The time is short enough for a withdrawn
 * key.
 */
const BELIEVED_MS = 30_000;
const BELIEVED_TOKENS_MAX = 1_000;

export function createTokenMemory(): TokenMemory {
  const believed = new Map<string, { readonly caller: Caller; readonly until: number }>();
  return {
    find: (token) => {
      const known = believed.get(token);
      return known !== undefined && Date.now() < known.until ? known.caller : undefined;
    },
    keep: (token, caller, expiresAt) => {
      // The oldest entry is dropped first; its token is verified again when it is needed.
      const [oldest] = believed.keys();
      if (believed.size >= BELIEVED_TOKENS_MAX && oldest !== undefined) believed.delete(oldest);
      believed.delete(token);
      believed.set(token, { caller, until: Math.min(Date.now() + BELIEVED_MS, expiresAt) });
    },
  };
}
