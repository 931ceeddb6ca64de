import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { processIdentity } from './process-identity.ts';
import { logTail } from './process-log.ts';
import { adoptProcess, startProcess } from './processes.ts';
import { createRunFile } from '../supervisor/run-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-processes-'));
let started = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function startScript(script: string) {
  const name = `script-${++started}`;
  const logFile = join(folder, 'logs', `${name}.log`);
  return startProcess({ name, command: 'sh', args: ['-c', script], logFile });
}

async function untilLogged(logFile: string, text: string): Promise<void> {
  await expect.poll(() => logTail(logFile)).toContain(text);
}

it('The output of both streams and the exit code are kept', async () => {
  const child = await startScript('echo out; echo err >&2; exit 3');
  expect(await child.exited).toEqual({ code: 3, signal: null });
  expect(logTail(child.logFile).split('\n').toSorted()).toEqual(['err', 'out']);
});

it('A report shows the lines of the newest start only', async () => {
  const spec = { name: 'again', command: 'sh', logFile: join(folder, 'again.log') };
  await (
    await startProcess({ ...spec, args: ['-c', 'echo first'] })
  ).exited;
  await (
    await startProcess({ ...spec, args: ['-c', 'echo second'] })
  ).exited;
  expect(logTail(spec.logFile)).toBe('second');
  expect(readFileSync(spec.logFile, 'utf8')).toContain('first');
});

it('A process starts although its log cannot be written, and says why', async () => {
  const spec = { name: 'unlogged', command: 'sh', args: ['-c', 'echo x; exit $?'] };
  const full = await startProcess({ ...spec, logFile: '/dev/full' });
  expect(full.logProblem).toContain('ENOSPC');
  expect((await full.exited).code).toBeGreaterThan(0);
  const nowhere = await startProcess({ ...spec, logFile: '/dev/full', mustWriteLog: true });
  expect(nowhere.logProblem).toContain('ENOSPC');
  expect((await nowhere.exited).code).toBe(0);
  const unopened = await startProcess({ ...spec, logFile: '/dev/null/no-folder/x.log' });
  expect(unopened.logProblem).toContain('ENOTDIR');
  expect((await unopened.exited).code).toBe(0);
});

it('A command that cannot be run is an error', async () => {
  const spec = { name: 'nothing', command: join(folder, 'nothing'), args: [], logFile: join(folder, 'nothing.log') };
  await expect(startProcess(spec)).rejects.toThrow('ENOENT');
});

it('A stop sends the signal and waits for the end', async () => {
  const child = await startScript('trap "echo drained; exit 0" TERM; echo ready; while :; do sleep 0.05; done');
  await untilLogged(child.logFile, 'ready');
  expect(await child.stop([{ signal: 'SIGTERM', waitMs: 20_000 }])).toEqual({ code: 0, signal: null });
  expect(logTail(child.logFile)).toContain('drained');
  expect(child.isRunning()).toBe(false);
});

it('A process that ignores the signal is killed with its whole group', async () => {
  const child = await startScript('trap "" TERM; sh -c "trap \\"\\" TERM; sleep 60" & echo "child $!"; wait');
  await untilLogged(child.logFile, 'child ');
  const grandchild = Number(/child (\d+)/.exec(logTail(child.logFile))?.[1]);
  expect(await child.stop([{ signal: 'SIGTERM', waitMs: 100 }])).toEqual({ code: null, signal: 'SIGKILL' });
  await expect.poll(() => processIdentity(grandchild)).toBeNull();
});

it('A process of an earlier run can be watched and stopped', async () => {
  const child = await startScript('echo ready; sleep 60');
  const adopted = adoptProcess({ name: 'adopted', pid: child.pid, logFile: child.logFile });
  await adopted?.stop([{ signal: 'SIGTERM', waitMs: 20_000 }]);
  expect(adopted?.isRunning()).toBe(false);
  expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
  expect(adoptProcess({ name: 'gone', pid: child.pid, logFile: child.logFile })).toBeNull();
});

it('The run file finds what is alive and forgets what has ended', async () => {
  const runFile = createRunFile(join(folder, 'run.json'));
  const child = await startScript('sleep 60');
  runFile.record('sleeper', child.pid);
  runFile.record('us', process.pid);
  expect(runFile.alive().map(({ name }) => name)).toEqual(['sleeper', 'us']);
  await child.stop([{ signal: 'SIGKILL', waitMs: 20_000 }]);
  expect(runFile.alive().map(({ name }) => name)).toEqual(['us']);
  runFile.forget(process.pid);
  expect(runFile.alive()).toEqual([]);
});

it('A later process with the pid of a recorded one is not taken for it', () => {
  const path = join(folder, 'recycled.json');
  const runFile = createRunFile(path);
  runFile.record('combined', process.pid);
  expect(runFile.alive()).toHaveLength(1);
  const startedEarlier = readFileSync(path, 'utf8').replace(/"identity": ".*"/, '"identity": "another-boot:12345"');
  writeFileSync(path, startedEarlier);
  expect(runFile.alive()).toEqual([]);
});

it('A damaged run file counts as empty', () => {
  const path = join(folder, 'damaged.json');
  writeFileSync(path, '[{"name": "combin');
  expect(createRunFile(path).alive()).toEqual([]);
});
