import { readFile } from 'node:fs/promises';

/** The values in a file of JSON lines that another process writes; a line that is just being written is left out. */
export async function readWholeLines(path: string): Promise<unknown[]> {
  const text = await readFile(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
}
