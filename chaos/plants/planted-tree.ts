import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { PLANTS, type Edit, type PlantName } from './plants.ts';

/** What the processes of the product are started from. */
const PARTS = ['src', 'db', 'package.json', 'tsconfig.json'] as const;

/**
 * Copies the project's tree into a folder and plants a bug in the copy.
 * @throws {Error} when the text that is to be replaced does not stand exactly once in its file.
 */
export async function plantTree(name: PlantName, folder: string): Promise<void> {
  for (const part of PARTS) await cp(join(PROJECT_FOLDER, part), join(folder, part), { recursive: true });
  await symlink(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of PLANTS[name].edits) {
    const path = join(folder, edit.file);
    await writeFile(path, applyEdit(await readFile(path, 'utf8'), edit));
  }
}

/**
 * The text with the replacement made.
 * @throws {Error} when the text that is to be replaced does not stand in it exactly once.
 */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${file}: what the plant replaces stands in it ${text.split(find).length - 1} times`);
  }
  return `${before}${replace}${after}`;
}
