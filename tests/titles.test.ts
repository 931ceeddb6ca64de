import { expect, it } from 'vitest';
import { readSources } from './support/sources.ts';

/** Words after which a subject is missing: a title that begins with one can only be read below a `describe`. */
const NO_SUBJECT = new Set(
  [
    'am are is was were has have had does do did can cannot could may might must shall should will would',
    'and but or nor that which who whom whose than with without of to into from by for also never always again then',
    'accepts adds allows answers asks becomes begins belongs brings builds carries closes comes decides exits',
    'fails finds follows forgets gets gives goes happens ignores joins judges keeps knows leads leaves lets lists',
    'loses makes needs never notices opens owns passes puts raises reaches rejects releases removes returns says',
    'seals sees sends serves shows sits stays survives takes tells throws wakes wants writes',
  ].flatMap((words) => words.split(' ')),
);

/** Vague words that a plain sentence does without. */
const VAGUE = /\b(?:whoever|whatever it is|so many|such)\b/i;

/** A capital, a digit, a placeholder, a quotation, or a name that is written small: of a file, an option, npm. */
const START = /^(?:[A-Z0-9%$`"'.-]|npm\b|[\w/-]+\.\w+\b|\w+\/)/;

/** Why a title is no sentence that can be read alone, as far as a machine can tell; null if nothing is wrong. */
function faultOfTitle(title: string): string | null {
  const words = title.split(/\s+/);
  if (!START.test(title)) return 'begins small';
  if (NO_SUBJECT.has((words[0] ?? '').toLowerCase())) return 'begins without a subject';
  if (words.length < 3) return 'is too short to hold a subject, a verb and what is said';
  return VAGUE.test(title) ? 'is vague' : null;
}

/** The titles of a file's tests, as the formatter leaves them. */
function titlesIn(text: string): string[] {
  const title = /(?:\bit|\))\(\s*(['"`])((?:\\.|(?!\1).)*)\1,\s*(?:(?:\{[^}]*\}|[A-Z_]+),\s*)?(?:async )?\(/g;
  return [...text.matchAll(title)].map(([, , words = '']) => words);
}

it.each([
  ['is refused when it is empty', 'begins small'],
  ['Is refused when it is empty', 'begins without a subject'],
  ['That is late is refused', 'begins without a subject'],
  ['Keeps its price', 'begins without a subject'],
  ['A refusal', 'is too short to hold a subject, a verb and what is said'],
  ['An order waits for whoever decides', 'is vague'],
  ['A cancelled order releases its stock', null],
  ['%s names only files that exist', null],
  ['docs/events.md shows an event', null],
])('The judge of titles says of "%s": %s', (title, fault) => {
  expect(faultOfTitle(title)).toBe(fault);
});

it('The title of every test is a sentence that can be read alone', () => {
  const sources = readSources('{src,db,bench,chaos,tools,tests}/**/*.test.ts').filter(
    ({ path }) => path !== 'tests/titles.test.ts',
  );
  expect(sources.length).toBeGreaterThan(150);
  const unread = sources.filter(
    ({ text }) => titlesIn(text).length !== [...text.matchAll(/^\s*(?:it|test)[.(]/gm)].length,
  );
  expect(unread.map(({ path }) => path)).toEqual([]);
  const faults = sources.flatMap(({ path, text }) =>
    titlesIn(text).flatMap((title) => {
      const fault = faultOfTitle(title);
      return fault === null ? [] : [`${path}: "${title}" ${fault}`];
    }),
  );
  expect(faults).toEqual([]);
});
