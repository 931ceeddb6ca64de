/** The process that bytes are sent to: the client opened the connection, and the server accepted it. */
export type Side = 'client' | 'server';

/**
 * What a link does to its connections. Shares are probabilities from 0 to 1 per chunk of bytes; times are in
 * milliseconds.
 */
export type LinkMode =
  | { readonly kind: 'pass' }
  /** Every chunk arrives late; with a rate, only this number of bytes passes per second and direction. */
  | { readonly kind: 'slow'; readonly latencyMs: number; readonly bytesPerSecond?: number }
  /** Nothing arrives in either direction until the link is healed; then everything does, as packets that are sent again. */
  | { readonly kind: 'blackhole' }
  /** The same towards one side only. */
  | { readonly kind: 'one-way'; readonly towards: Side }
  /** The server has lost its connections, and the client does not learn of it until the link is healed. */
  | { readonly kind: 'half-open' }
  /** Nothing listens: connections are reset, and new ones are refused. */
  | { readonly kind: 'refuse' }
  /** A request is lost with its connection before it reaches the server. */
  | { readonly kind: 'reset-before'; readonly share: number; readonly match?: string }
  /** A request has its effect, and its connection is reset instead of the answer. */
  | { readonly kind: 'reset-after'; readonly share: number; readonly match?: string }
  /** A request arrives twice at the same moment; the second one's answer is heard by nobody. */
  | { readonly kind: 'duplicate'; readonly share: number }
  /** The answer ends after this number of bytes, with a reset. */
  | { readonly kind: 'truncate'; readonly share: number; readonly bytes: number };

export const PASS: LinkMode = { kind: 'pass' };

/** Whether bytes towards this side wait until the link is healed. */
export function holdsBack(mode: LinkMode, towards: Side): boolean {
  return mode.kind === 'blackhole' || (mode.kind === 'one-way' && mode.towards === towards);
}

/**
 * What becomes of a chunk: it is passed on, or the connection is reset, after the first bytes of it or none.
 * `share` answers whether a probability strikes.
 */
export function fateOf(
  mode: LinkMode,
  { towards, bytes }: { readonly towards: Side; readonly bytes: Buffer },
  strikes: (share: number) => boolean,
): { readonly pass: number; readonly isReset: boolean } {
  const whole = { pass: bytes.length, isReset: false };
  const isHit = (share: number, match?: string): boolean =>
    (match === undefined || bytes.includes(match)) && strikes(share);
  switch (mode.kind) {
    case 'reset-before':
      return towards === 'server' && isHit(mode.share, mode.match) ? { pass: 0, isReset: true } : whole;
    case 'reset-after':
      return towards === 'client' && isHit(mode.share, mode.match) ? { pass: 0, isReset: true } : whole;
    case 'truncate':
      return towards === 'client' && isHit(mode.share)
        ? { pass: Math.min(mode.bytes, bytes.length - 1), isReset: true }
        : whole;
    case 'pass':
    case 'slow':
    case 'blackhole':
    case 'one-way':
    case 'half-open':
    case 'refuse':
    case 'duplicate':
      return whole;
  }
}

/** The method of a request that has an effect stands at its beginning. */
const REQUEST_WITH_EFFECT = /^POST /;

/** Whether these bytes are a request that arrives twice. */
export function isDoubled(mode: LinkMode, bytes: Buffer, strikes: (share: number) => boolean): boolean {
  if (mode.kind !== 'duplicate' || !REQUEST_WITH_EFFECT.test(bytes.toString('latin1', 0, 8))) return false;
  return strikes(mode.share);
}
