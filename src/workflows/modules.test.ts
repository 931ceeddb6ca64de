import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = (await readdir(import.meta.dirname, { recursive: true })).filter(
  (name) => name.endsWith('.ts') && !name.includes('.test.'),
);

/** State of a module, which all workflows of a worker would share: variables and collections at its top level. */
const STATE = /^(export )?(let |var )|^(export )?const [^(]*= new (Map|Set|WeakMap|WeakSet|Array)\b/m;

it.each(sources)('The module %s keeps no state, because workflows share it', async (name) => {
  expect(await readFile(join(import.meta.dirname, name), 'utf8')).not.toMatch(STATE);
});

it('A module of workflow code with state is caught', () => {
  for (const state of ['let tries = 0;', 'export const seen = new Map<string, number>();', 'const ids = new Set();']) {
    expect(`import x from 'y';\n${state}\n`).toMatch(STATE);
  }
});

/** The options of each proxy of activities in a source, up to the end of the statement. */
function activityOptionsOf(source: string): string[] {
  return [...source.matchAll(/proxy(?:Local)?Activities<[^(]+>\(([\s\S]*?)\);/g)].map(([, options = '']) => options);
}

it('Every activity has a summary, which the Web UI shows while it is pending', async () => {
  const options = await Promise.all(
    sources.map(async (name) => activityOptionsOf(await readFile(join(import.meta.dirname, name), 'utf8'))),
  );
  const all = options.flat();
  expect(all.length).toBeGreaterThan(15);
  // The step runner's options have theirs from `waitingSummaryOf()`.
  expect(all.filter((each) => !/\bsummary\b/.test(each))).toEqual(['regularOptions(policy, failure)']);
});
