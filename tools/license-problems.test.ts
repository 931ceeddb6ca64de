import { expect, it } from 'vitest';
import { licenseProblems } from './license-problems.ts';

it.each(['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND MIT'])('A package under %s may be shipped', (license) => {
  expect(licenseProblems({ packages: { 'node_modules/a': { license } } })).toEqual([]);
});

it.each(['GPL-3.0-only', 'MIT AND AGPL-3.0-only', 'SEE LICENSE IN LICENSE.txt', undefined])(
  'A package under %s is a problem',
  (license) => {
    const packages = { 'node_modules/a/node_modules/b': license === undefined ? {} : { license } };
    expect(licenseProblems({ packages })).toEqual([expect.stringContaining('node_modules/a/node_modules/b')]);
  },
);

it('What only development needs and what belongs to the project is not judged', () => {
  const packages = {
    '': {},
    'tools/node-runtime': {},
    'node_modules/@saga/node-runtime': { link: true },
    'node_modules/tool': { license: 'GPL-3.0-only', dev: true },
  };
  expect(licenseProblems({ packages })).toEqual([]);
});
