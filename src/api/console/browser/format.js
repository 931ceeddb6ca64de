import { exponentOf } from './currencies.js';

/** An amount in minor units, as people write it. */
export function money(amountMinor, currency) {
  if (amountMinor === null || amountMinor === undefined) return 'not known yet';
  const digits = exponentOf(currency);
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code', ...fraction });
  return format.format(major(amountMinor, currency));
}

/** An amount in minor units in the form in which a person types it. */
export function major(amountMinor, currency) {
  const digits = exponentOf(currency);
  return (amountMinor / 10 ** digits).toFixed(digits);
}

/**
 * The minor units of an amount that a person typed; null when it is not an amount. The result is exact. A comma is a
 * decimal mark where it cannot separate thousands.
 */
export function parseAmount(text, currency) {
  const digits = exponentOf(currency);
  const match = (digits < 3 ? /^(\d{1,12})(?:[.,](\d+))?$/ : /^(\d{1,12})(?:\.(\d+))?$/).exec(text.trim());
  if (match === null || (match[2] ?? '').length > digits) return null;
  const amountMinor = Number(match[1] + (match[2] ?? '').padEnd(digits, '0'));
  return amountMinor > 0 ? amountMinor : null;
}

/** The time of day, and the day when it is another one. */
export function time(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
  return date.toLocaleString('en-GB', isToday ? clock : { day: '2-digit', month: 'short', year: 'numeric', ...clock });
}

/** How long ago, in words. */
export function age(instant, now = Date.now()) {
  return duration(Math.max(0, now - Date.parse(instant)));
}

/** Milliseconds in words: the two largest units are enough. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "1 order waits", "2 orders wait": English wants both. */
export function plural(count, one, many) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** A count with separators. */
export function number(count) {
  return count.toLocaleString('en');
}
