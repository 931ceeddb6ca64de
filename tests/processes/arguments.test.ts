import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program that each npm script runs in Node, without the option that makes a script of it. */
function programs(): Record<string, string> {
  const { scripts } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  // A suite of its own is run by vitest, which reads its arguments.
  const own = Object.values(scripts).filter((script) => !script.startsWith('vitest '));
  const found = own.flatMap((script) => /([\w/-]+\.ts)(?: --check)?$/.exec(script)?.[1] ?? []);
  return Object.fromEntries([...found, 'tests/replay/record-histories.ts'].map((file) => [file, file]));
}

/** Runs without settings: a mistake on the command line is reported before one in the configuration. */
function run(program: string, ...words: string[]): Promise<Ended> {
  const env = { PATH: process.env['PATH'], DATA_DIR: '/nonexistent' };
  const options = { cwd: PROJECT_FOLDER, env, timeout: 100_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr });
    });
  });
}

it('The list of programs is not empty', () => {
  expect(Object.keys(programs()).length).toBeGreaterThanOrEqual(18);
});

it.each(Object.keys(programs()))(
  '%s says what it takes, and does nothing else, when it is asked for --help',
  async (program) => {
    expect(await run(program, '--help')).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^npm (?:run|start|exec)\b/),
      stderr: '',
    });
  },
);

it.each(Object.keys(programs()))('%s refuses a word that it does not know', async (program) => {
  const { code, stdout, stderr } = await run(program, '--quues=payments');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain("Unknown option '--quues'");
  expect(stderr).toMatch(/^npm (?:run|start|exec)\b/m);
});

/** As a script runs it, from the project's folder. */
function npm(words: readonly string[], variables: Record<string, string>): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: '/nonexistent', ...variables };
  return new Promise((resolve) => {
    execFile('npm', ['run', '--silent', ...words], { cwd: PROJECT_FOLDER, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr });
    });
  });
}

it('npm run --silent token prints the token and nothing else', async () => {
  const ended = await npm(['token', '--', '--ttl=1h'], { JWT_SECRET: 'a-secret-of-at-least-32-characters' });
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/) });
});

it('npm run --silent with --json prints nothing where there is no answer', async () => {
  const nowhere = { API_URL: 'http://127.0.0.1:1', ORDERS_TOKEN: 'none' };
  expect(await npm(['orders', '--', 'list', '--json'], nowhere)).toMatchObject({ code: 1, stdout: '' });
});

it.each([
  ['--queues=paymnts', 'unknown queue "paymnts"'],
  ['--queues=payments,', 'unknown queue ""'],
])('The option %s of a worker is refused in both ways to write it', async (word, problem) => {
  for (const words of [[word], word.split('=')]) {
    const { code, stderr } = await run('src/worker.ts', ...words);
    expect(code).not.toBe(0);
    expect(stderr).toContain(problem);
  }
});

it('The option --queues is not one of an API', async () => {
  expect(await run('src/server.ts', '--queues=payments')).toMatchObject({ code: 2, stdout: '' });
});
