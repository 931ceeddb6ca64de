import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Field 3 (state) and field 22 (start time) of /proc/PID/stat, counted after the command's closing parenthesis. */
const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/**
 * Distinguishes a process from a later one with the same pid: its start time and, on Linux, the boot. `null` when the
 * process does not exist; a zombie counts as not existing, because in a container nobody may ever reap it.
 */
export function processIdentity(pid: number): string | null {
  return process.platform === 'linux' ? linuxIdentity(pid) : askPs(pid, 'lstart=');
}

/** The command line of a process, with arguments separated by blanks; `null` when the process does not exist. */
export function commandLine(pid: number): string | null {
  if (process.platform !== 'linux') return askPs(pid, 'command=');
  const text = readOrNull(`/proc/${pid}/cmdline`);
  return text === null || text === '' ? null : text.replaceAll('\0', ' ').trim();
}

/** Whether a pid is taken, even by a zombie, which `processIdentity` does not count. */
export function pidIsTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Processes whose working directory is this folder; empty where there is no /proc. */
export function processesWorkingIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => workingDirectory(pid) === folder)
    .map(Number);
}

function workingDirectory(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

function linuxIdentity(pid: number): string | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command is in parentheses and may contain blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[STATE_FIELD];
  if (state === 'Z' || state === 'X') return null;
  const boot = readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? 'unknown-boot';
  return `${boot}:${fields[START_TIME_FIELD] ?? ''}`;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function askPs(pid: number, field: string): string | null {
  try {
    const answer = execFileSync('ps', ['-o', field, '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
    return answer === '' ? null : answer;
  } catch {
    return null;
  }
}
