import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { applyEdit } from './planted-tree.ts';
import { PLANTS, type Plant } from './plants.ts';

const plants: [string, Plant][] = Object.entries(PLANTS);
const edits = plants.flatMap(([name, plant]) => plant.edits.map((edit) => ({ name, edit })));

it.each(edits)('The plant $name still changes $edit.file, in exactly one place', ({ edit }) => {
  const text = readFileSync(join(PROJECT_FOLDER, edit.file), 'utf8');
  expect(applyEdit(text, edit)).not.toBe(text);
});

it('The plants are the ten of the reliability page and the fault of two commands at once', () => {
  expect(plants.map(([name]) => name)).toEqual(Array.from({ length: 11 }, (_, index) => `M${index + 1}`));
});

it('A plant whose text is gone, or stands twice, is refused', () => {
  const edit = { file: 'a.ts', find: 'one', replace: 'two' };
  expect(() => applyEdit('zero', edit)).toThrow('stands in it 0 times');
  expect(() => applyEdit('one and one', edit)).toThrow('stands in it 2 times');
  expect(applyEdit('just one', edit)).toBe('just two');
});
