import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('The workflows of a clone in a folder with an odd name are bundled', async () => {
  const around = await mkdtemp(join(tmpdir(), 'order-saga-bundle-'));
  const clone = join(around, 'C# & co (50%)!');
  const project = resolve(import.meta.dirname, '../..');
  await mkdir(clone);
  await cp(join(project, 'src'), join(clone, 'src'), { recursive: true });
  await cp(join(project, 'package.json'), join(clone, 'package.json'));
  await symlink(join(project, 'node_modules'), join(clone, 'node_modules'));
  await promisify(execFile)(process.execPath, ['src/temporal/bundle-workflows.ts', 'dist/bundle.js'], { cwd: clone });
  expect(await readFile(join(clone, 'dist/bundle.js'), 'utf8')).toContain('orderWorkflow');
  await rm(around, { recursive: true });
});
