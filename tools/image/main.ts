import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { takeArguments } from '../../src/runtime/command-arguments.ts';
import { makeBaseImage } from './base-image.ts';
import { openBuildah, type Buildah } from './buildah.ts';
import type { ImageConfig, MountedImage } from './image-process.ts';
import { tryImage } from './try-image.ts';

const USAGE = `npm run verify:image
  Builds the Dockerfile without Docker (buildah, on a stand-in for the base image), and runs what it makes: migration, API
  and worker, read-only and without root, carry an order; then SIGTERM must end them in order. Needs root on Linux, buildah
  and debootstrap. About 5 minutes on two cores.`;

const IMAGE = 'order-saga:verify';

const log = (line: string): void => void process.stderr.write(`${line}\n`);

async function build(buildah: Buildah): Promise<void> {
  const dockerfile = readFileSync(join(PROJECT_FOLDER, 'Dockerfile'), 'utf8');
  const bases = new Set(Array.from(dockerfile.matchAll(/^FROM (\S+)/gm), ([, base = '']) => base));
  for (const base of bases) {
    log(`making a stand-in for ${base}`);
    await makeBaseImage(buildah, `docker.io/library/${base}`);
  }
  log('building the Dockerfile');
  const how = '--isolation chroot --network host --pull-never --format docker --layers=false --quiet'.split(' ');
  await buildah(['build', ...how, '--tag', IMAGE, PROJECT_FOLDER]);
}

async function mount(buildah: Buildah, logFolder: string): Promise<MountedImage> {
  const container = (await buildah(['from', '--pull-never', IMAGE])).trim();
  const root = (await buildah(['mount', container])).trim();
  const { Docker } = JSON.parse(await buildah(['inspect', container])) as { Docker: { config: ImageConfig } };
  return { root, config: Docker.config, logFolder };
}

const megabytesIn = (folder: string): number =>
  Math.round(Number.parseInt(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }), 10) / 1_024);

// Entry of `npm run verify:image`.
takeArguments(USAGE, { options: {} });
const folder = mkdtempSync(join(tmpdir(), 'order-saga-image-'));
// PostgreSQL runs as another user, who must be able to pass through the folder.
execFileSync('chmod', ['711', folder]);
const buildah = openBuildah(join(folder, 'storage'));
const begun = performance.now();
const seconds = (): string => ((performance.now() - begun) / 1_000).toFixed(0);
try {
  await build(buildah);
  log(`built after ${seconds()} s`);
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder);
  const image = await mount(buildah, logFolder);
  log(`${megabytesIn(image.root)} MB, of it ${megabytesIn(join(image.root, 'app/node_modules'))} MB node_modules`);
  await tryImage(image, { folder, log });
  log(`The image holds, after ${seconds()} s.`);
} finally {
  await buildah(['umount', '--all']).catch(() => {});
  rmSync(folder, { recursive: true, force: true });
}
