import { spawn, type ChildProcess } from 'node:child_process';

/** Starts a program of the project as a process of its own that joins a system under test. */
export function startNode(
  file: string,
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): ChildProcess {
  return spawn(process.execPath, [...options, file], { env: { PATH: process.env['PATH'], ...env }, stdio: 'inherit' });
}
