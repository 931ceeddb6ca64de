/**
 * Ids that machines make: a UUID, or hexadecimal digits of whole 32-bit words. A card number inside is a coincidence.
 */
const MACHINE_ID =
  /(?<![0-9a-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=\d*[a-f])(?:[0-9a-f]{8}){2,16})(?![0-9a-z])/gi;

/** Consecutive digits; neither a telephone number (`+49...`) nor digits after a decimal point. */
const DIGITS = /(?<![\d+]|\d\.)\d{13,19}(?!\d)/g;

/** The notation of printed cards: four digits, then groups of three to seven digits after a blank or a hyphen. */
const GROUPS = /(?<![\d+])\d{4}(?:[ \u00a0-]\d{3,7})+(?!\d)/g;
const SEPARATOR = /[ \u00a0-]/;

/** A time since 1970 in milli-, micro- or nanoseconds, in the years 2014 to 2033. */
const TIME = /^1[4-9](?:\d{11}|\d{14}|\d{17})$/;

/**
 * Whether a text contains the number of a payment card: 13 to 19 digits with a valid check digit (ISO/IEC 7812, Luhn).
 */
export function holdsCardNumber(text: string): boolean {
  if (text.length < 13) return false;
  const rest = text.replace(MACHINE_ID, ' ');
  return candidatesIn(rest).some((digits) => !TIME.test(digits) && hasCheckDigit(digits));
}

function candidatesIn(text: string): string[] {
  const grouped = [...text.matchAll(GROUPS)].flatMap(([run]) => windowsOf(run.split(SEPARATOR)));
  return [...[...text.matchAll(DIGITS)].map(([digits]) => digits), ...grouped];
}

/**
 * Sequences of whole groups that together have as many digits as a card; other numbers may stand before and after them.
 */
function windowsOf(groups: readonly string[]): string[] {
  const windows: string[] = [];
  for (const [start, first] of groups.entries()) {
    if (first.length !== 4) continue;
    // Five groups contain all 19 digits.
    for (let end = start + 2; end <= Math.min(groups.length, start + 5); end += 1) {
      const digits = groups.slice(start, end).join('');
      if (digits.length >= 13 && digits.length <= 19) windows.push(digits);
    }
  }
  return windows;
}

/** From the right, every second digit but the first counts twice, less 9 when the result has two digits. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let fromRight = 0; fromRight < digits.length; fromRight += 1) {
    const value = Number(digits.at(-1 - fromRight)) * (fromRight % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum > 0 && sum % 10 === 0;
}
