import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadToolFolders } from '../../src/dev/dev-environment.ts';
import type { Buildah } from './buildah.ts';

const run = promisify(execFile);

/** As in the image `node`: number and name. */
const ACCOUNT = { id: 1_000, name: 'node' };

/** Where the stand-in has the certificate authorities of the machine. */
const AUTHORITIES = '/usr/local/share/authorities.pem';

/**
 * Makes a stand-in for the image that the Dockerfile begins with, and tags it with that name: Debian by debootstrap, the
 * Node that runs this script, its npm, and the user `node`. The Debian stays in the user's cache.
 */
export async function makeBaseImage(buildah: Buildah, name: string): Promise<void> {
  const root = await debian();
  const container = (await buildah(['from', 'scratch'])).trim();
  await buildah(['add', '--quiet', container, root, '/']);
  const variables = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
  // This machine may reach its registries through a certificate authority of its own.
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined) {
    await buildah(['add', '--quiet', container, realpathSync(authorities), AUTHORITIES]);
    variables.push(`NODE_EXTRA_CA_CERTS=${AUTHORITIES}`);
  }
  await buildah(['config', ...variables.flatMap((variable) => ['--env', variable]), container]);
  await buildah(['commit', '--quiet', '--rm', '--format', 'docker', container, name]);
}

async function debian(): Promise<string> {
  const home = join(loadToolFolders(process.env).cacheFolder, `image-base-node-${process.versions.node}`);
  if (existsSync(home)) return home;
  mkdirSync(dirname(home), { recursive: true });
  const aside = mkdtempSync(join(dirname(home), '.building-'));
  try {
    const root = join(aside, 'root');
    await run('debootstrap', ['--variant=minbase', 'bookworm', root], { maxBuffer: 64_000_000 });
    await addNode(root);
    renameSync(root, home);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return home;
}

async function addNode(root: string): Promise<void> {
  cpSync(process.execPath, join(root, 'usr/local/bin/node'));
  const { stdout } = await run('npm', ['root', '--global']);
  const modules = join(root, 'usr/local/lib/node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(join(stdout.trim(), 'npm'), join(modules, 'npm'), { recursive: true, dereference: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  const { id, name } = ACCOUNT;
  await run('chroot', [root, 'groupadd', '--gid', `${id}`, name]);
  await run('chroot', [root, 'useradd', '--uid', `${id}`, '--gid', name, '--create-home', name]);
}
