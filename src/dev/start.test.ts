import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-entry-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the entry of `npm start` in a project folder of this name, without the rest of the project. */
function startIn(name: string, node = process.versions.node): { code: number | null; said: string } {
  const place = join(folder, name, 'src', 'dev');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(folder, name, 'package.json'), '{"type": "module"}');
  copyFileSync(join(import.meta.dirname, 'start.cjs'), join(place, 'start.cjs'));
  writeFileSync(join(place, 'start.ts'), 'const word: string = "started"; console.log(word);');
  const preload = join(folder, 'preload.cjs');
  writeFileSync(preload, `Object.defineProperty(process.versions, 'node', { value: '${node}' });`);
  const args = ['--require', preload, 'src/dev/start.cjs'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: join(folder, name), encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

it.each(['C# & co (50%)!', 'qu"o\'te $HOME `x`', 'a:b', 'ünï ★', '[a]{b}~'])(
  'npm start runs in a folder named %s',
  (name) => {
    expect(startIn(name)).toEqual({ code: 0, said: 'started\n' });
  },
);

it.each(['a*b', 'what?', 'back\\slash'])('npm start refuses a folder named %s in a sentence', (name) => {
  const { code, said } = startIn(name);
  expect(code).toBe(1);
  expect(said).toMatch(/^npm start: the project cannot run in .* a folder with "[*?\\]" in its name\n$/);
});

it('npm start refuses a Node that is too old in a sentence, and says why there is no other', () => {
  expect(startIn('plain', '20.1.0')).toEqual({
    code: 1,
    said: expect.stringMatching(/^npm start: order-saga needs Node 24 or newer, this is 20\.1\.0: `npm ci` brings one/),
  });
  expect(startIn('a:b', '20.1.0').said).toContain('the PATH takes no folder with ":" in its name');
});
