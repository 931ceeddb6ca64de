/**
 * The wait of a `Retry-After` header (RFC 9110: seconds, or a date) in milliseconds; null when it is absent or
 * unreadable.
 */
export function retryAfterMs(value: string | undefined, now = Date.now()): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // HTTP dates begin with the day of the week; `Date.parse` would also accept other texts.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
