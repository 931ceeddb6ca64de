import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { takeArguments } from '../../src/runtime/command-arguments.ts';
import { buildGoTool, CONTAINER_CHECKS } from '../go-tools.ts';

const USAGE = `npm run verify:containers
  Loads docker-compose.yml with the loader of docker compose, and checks the Dockerfile with the linter of docker build;
  both must also refuse planted mistakes. Needs Go, and neither Docker nor a network. The first run builds both (36 CPU
  seconds) into the user's cache.`;

const log = (line: string): void => void process.stderr.write(`${line}\n`);
const read = (path: string): string => readFileSync(join(PROJECT_FOLDER, path), 'utf8');

/** Ways in which docs/deployment.md starts the file: profiles, and the files beside .env. */
const STARTS: Readonly<Record<string, readonly string[]>> = {
  'without a profile': ['--profile', 'none'],
  combined: ['--profile', 'combined'],
  services: ['--profile', 'services', '--env-file', 'ops/compose/services.env'],
  observability: ['--profile', 'observability', '--env-file', 'ops/compose/observability.env'],
};

/** What becomes what in docker-compose.yml, and must not be loaded. */
const COMPOSE_MISTAKES: readonly (readonly [what: string, text: string, mistake: string])[] = [
  ['an unknown key', 'stop_grace_period: 15s', 'stop_grace_time: 15s'],
  ['a duration that is none', 'stop_grace_period: 15s', 'stop_grace_period: 15'],
  ['an unknown condition', 'condition: service_healthy', 'condition: service_heals'],
  ['a volume that is not declared', 'simulator-data:/data', 'simulator:/data'],
  ['a service that is not there', '  mail-sink:\n    condition', '  mail-sinks:\n    condition'],
  ['two limits that differ', '    stop_grace_period: 15s', '    pids_limit: 7\n    stop_grace_period: 15s'],
];

const DOCKERFILE_MISTAKES: readonly (readonly [what: string, text: RegExp, mistake: string])[] = [
  ['an unknown instruction', /^WORKDIR/m, 'WORKDIRECTORY'],
  ['a command in shell form', /^CMD \[.*$/m, 'CMD node dist/src/server.js'],
  ['a secret in the environment', /^ENV /m, 'ENV JWT_SECRET=secret '],
  ['two stages of one name', / AS dependencies/, ' AS build'],
  ['an undefined variable', /^USER 1000:1000/m, 'USER $APP_USER'],
];

interface Checks {
  /** Returns what is wrong; null if nothing is. */
  compose(file: string, start: readonly string[]): string | null;
  dockerfile(text: string): string | null;
}

async function openChecks(folder: string): Promise<Checks> {
  const programs = await buildGoTool(CONTAINER_CHECKS);
  const secrets = join(folder, '.env');
  writeFileSync(secrets, execFileSync('sh', [join(PROJECT_FOLDER, 'ops/compose/make-env.sh')]));
  const judge = (program: string, args: readonly string[], input = ''): string | null => {
    const options = { cwd: PROJECT_FOLDER, input, encoding: 'utf8' } as const;
    const { status, stdout, stderr, error } = spawnSync(join(programs, program), args, options);
    if (error !== undefined) throw error;
    return status === 0 ? null : `${stderr}${stdout}`.trim();
  };
  return {
    compose: (file, start) => judge('check-compose', ['--env-file', secrets, ...start, '--file', file]),
    dockerfile: (text) => judge('check-dockerfile', [], text),
  };
}

function judgeCompose({ compose }: Checks, folder: string): string[] {
  const problems = Object.entries(STARTS).flatMap(([name, start]) => {
    const fault = compose('docker-compose.yml', start);
    return fault === null ? [] : [`docker-compose.yml, ${name}: ${fault}`];
  });
  const missed = COMPOSE_MISTAKES.filter(([, text, mistake]) => {
    const file = join(folder, 'docker-compose.yml');
    const changed = read('docker-compose.yml').replace(text, mistake);
    if (changed === read('docker-compose.yml')) throw new Error(`docker-compose.yml has no "${text}" any more`);
    writeFileSync(file, changed);
    return compose(file, []) === null;
  });
  log(`docker-compose.yml: loaded in ${Object.keys(STARTS).length} ways, ${problems.length} of them wrong`);
  log(`planted mistakes: ${COMPOSE_MISTAKES.length - missed.length} of ${COMPOSE_MISTAKES.length} are refused`);
  return [...problems, ...missed.map(([what]) => `docker-compose.yml: ${what} is taken`)];
}

function judgeDockerfile({ dockerfile }: Checks): string[] {
  const text = read('Dockerfile');
  const fault = dockerfile(text);
  const missed = DOCKERFILE_MISTAKES.filter(([, place, mistake]) => {
    const changed = text.replace(place, mistake);
    if (changed === text) throw new Error(`the Dockerfile has no ${place} any more`);
    return dockerfile(changed) === null;
  });
  log(`Dockerfile: ${fault === null ? 'the linter has no complaint' : 'the linter complains'}`);
  log(`planted mistakes: ${DOCKERFILE_MISTAKES.length - missed.length} of ${DOCKERFILE_MISTAKES.length} are refused`);
  return [
    ...(fault === null ? [] : [`Dockerfile: ${fault}`]),
    ...missed.map(([what]) => `Dockerfile: ${what} is taken`),
  ];
}

// Entry of `npm run verify:containers`.
takeArguments(USAGE, { options: {} });
const folder = mkdtempSync(join(tmpdir(), 'order-saga-containers-'));
try {
  const checks = await openChecks(folder);
  const problems = [...judgeCompose(checks, folder), ...judgeDockerfile(checks)];
  problems.forEach((problem) => log(`  - ${problem}`));
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
