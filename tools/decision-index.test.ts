import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { DecisionFormError, readDecision, renderDecisionIndex, renderIndexOf } from './decision-index.ts';

const FOLDER = resolve(import.meta.dirname, '../docs/adr');
const RECORDS = globSync('[0-9]*.md', { cwd: FOLDER }).toSorted();

const read = (file: string): string => readFileSync(resolve(FOLDER, file), 'utf8');

const headingsOf = (text: string): string[] => [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);

it.each(RECORDS)('%s has the sections of the ADR template', (file) => {
  expect(headingsOf(read(file))).toEqual(expect.arrayContaining(['Context', 'Decision', 'Consequences']));
  expect(headingsOf(read('template.md'))).toEqual(expect.arrayContaining(headingsOf(read(file))));
});

it('The ADR template is accepted by the index as soon as its number and date are filled in', () => {
  const text = read('template.md').replace('NNNN', '0042').replace('YYYY-MM-DD', '2026-01-31');
  const decision = readDecision('0042-made-from-the-template.md', text);
  expect(decision).toMatchObject({ number: '0042', status: 'proposed', date: '2026-01-31' });
});

it('A decision record may state its relations over several lines', () => {
  const text =
    '# 0002. B\n\nStatus: accepted. Date: 2026-01-31. Extends [0001](0001-a.md)\nand others.\n\n## Context\n';
  expect(readDecision('0002-b.md', text).relations).toBe('Extends [0001](0001-a.md) and others.');
});

it.each([
  ['a name without a number', 'why.md', '# 0001. A\n\nStatus: accepted. Date: 2026-01-31.\n'],
  ['the number of another file in its title', '0002-b.md', '# 0001. A\n\nStatus: accepted. Date: 2026-01-31.\n'],
  ['no title', '0001-a.md', '# 0001. \n\nStatus: accepted. Date: 2026-01-31.\n'],
  ['an unknown status', '0001-a.md', '# 0001. A\n\nStatus: agreed. Date: 2026-01-31.\n'],
  ['no date', '0001-a.md', '# 0001. A\n\nStatus: accepted.\n'],
])('A decision record with %s is refused', (_, file, text) => {
  expect(() => readDecision(file, text)).toThrow(DecisionFormError);
});

it('The index of decisions has one row with number, title and status for each file', () => {
  const rows = renderDecisionIndex()
    .split('\n')
    .filter((line) => line.startsWith('| ['));
  expect(RECORDS.length).toBeGreaterThan(15);
  expect(rows).toHaveLength(RECORDS.length);
  for (const [index, file] of RECORDS.entries()) {
    const { number, title, status } = readDecision(file, read(file));
    const [, first, second, third] = (rows[index] ?? '').split('|').map((cell) => cell.trim());
    expect([first, second, third]).toEqual([`[${number}](${file})`, title, status]);
  }
});

it('The index of decisions refuses two records with one number', () => {
  const decision = { number: '0001', title: 'A', status: 'accepted', date: '2026-01-31', relations: '' };
  const twins = [
    { ...decision, file: '0001-a.md' },
    { ...decision, file: '0001-b.md' },
  ];
  expect(() => renderIndexOf(twins)).toThrow('docs/adr/0001-b.md: another record has the same number');
});
