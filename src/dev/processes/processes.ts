import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './process-identity.ts';
import { openProcessLog } from './process-log.ts';

/** How often a process that is not our child is checked, in milliseconds: short compared with every stop deadline. */
const POLL_MS = 50;

/** After SIGKILL only a process that is stuck in the kernel (a dead network disk) is still there. */
const KILL_WAIT_MS = 5_000;

/** What to run and where its output goes. */
export interface ProcessSpec {
  /** Shown to the person, and the name of the log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** stdout and stderr are appended here; the folder is made when missing. */
  readonly logFile: string;
  /** Whether the program ends when it cannot write its output. */
  readonly mustWriteLog?: boolean;
  /** The environment of this process by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The user that the process runs as; needs root. */
  readonly account?: ProcessAccount | null;
}

/** Numeric user and group of a process. */
export interface ProcessAccount {
  readonly uid: number;
  readonly gid: number;
}

/** How a process ended; both are `null` for a process that was not our child and could only be watched. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One signal of a stop, and how long the process may take before the next one is sent. */
export interface StopStage {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/** A process in a group of its own, so that the terminal's Ctrl-C does not reach it. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Why its log cannot be written, else null. */
  readonly logProblem: string | null;
  /** Resolves when the process ends, never rejects. */
  readonly exited: Promise<ExitStatus>;
  isRunning(): boolean;
  /** Sends a signal; without effect when the process is gone. */
  signal(signal: NodeJS.Signals): void;
  /** Sends the signals in turn until the process ends, and finally SIGKILL to its whole group. */
  stop(stages: readonly StopStage[]): Promise<ExitStatus>;
}

/**
 * Starts a process detached: own session, own group, output to its log file.
 * @throws the system's error (ENOENT, EACCES) when the command cannot be run.
 */
export async function startProcess(spec: ProcessSpec): Promise<ManagedProcess> {
  const { child, logProblem } = spawnDetached(spec);
  let status: ExitStatus | null = null;
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => {
      status = { code, signal };
      resolve(status);
    });
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${spec.name} has no process id`);
  const { name, logFile } = spec;
  return managed({ name, pid, logFile, logProblem, exited, isRunning: () => status === null });
}

/**
 * Takes charge of a process that an earlier run started, so that it can be watched and stopped; `null` when it is gone.
 */
export function adoptProcess(of: { name: string; pid: number; logFile: string }): ManagedProcess | null {
  const identity = processIdentity(of.pid);
  if (identity === null) return null;
  const isRunning = (): boolean => processIdentity(of.pid) === identity;
  return managed({ ...of, logProblem: null, exited: watchUntilGone(isRunning), isRunning });
}

/** Runs a process to its end. */
export async function runToEnd(spec: ProcessSpec, signal?: AbortSignal): Promise<ExitStatus> {
  const child = await startProcess(spec);
  const stop = (): void => {
    child.signal('SIGTERM');
  };
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  const status = await child.exited;
  signal?.removeEventListener('abort', stop);
  return status;
}

/** `exit code 1` or `signal SIGKILL`, for messages. */
export function describeExit({ code, signal }: ExitStatus): string {
  if (signal !== null) return `signal ${signal}`;
  return code === null ? 'unknown status' : `exit code ${code}`;
}

function spawnDetached(spec: ProcessSpec): { child: ChildProcess; logProblem: string | null } {
  const { descriptor, problem } = openProcessLog(spec.logFile, { mustWrite: spec.mustWriteLog ?? false });
  try {
    const child = spawn(spec.command, [...spec.args], {
      detached: true,
      stdio: ['ignore', descriptor, descriptor],
      ...(spec.env === undefined ? {} : { env: { ...spec.env } }),
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...spec.account,
    });
    return { child, logProblem: problem };
  } finally {
    closeSync(descriptor);
  }
}

function managed(core: Omit<ManagedProcess, 'signal' | 'stop'>): ManagedProcess {
  const send = (signal: NodeJS.Signals, pid: number): void => {
    if (!core.isRunning()) return;
    try {
      process.kill(pid, signal);
    } catch {
      // The process ended between the check and the signal.
    }
  };
  return {
    ...core,
    signal: (signal) => {
      send(signal, core.pid);
    },
    stop: async (stages) => {
      for (const { signal, waitMs } of stages) {
        send(signal, core.pid);
        if (await endsWithin(core.exited, waitMs)) return core.exited;
      }
      // A negative pid addresses the whole group, which a detached process leads.
      send('SIGKILL', -core.pid);
      if (await endsWithin(core.exited, KILL_WAIT_MS)) return core.exited;
      throw new Error(`${core.name} (pid ${core.pid}) does not end, not even by SIGKILL`);
    },
  };
}

async function endsWithin(exited: Promise<ExitStatus>, waitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(waitMs, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([exited.then(() => true), late]);
  timer.abort();
  return ended;
}

async function watchUntilGone(isRunning: () => boolean): Promise<ExitStatus> {
  // The timer must not keep this process alive; a caller that waits for the end has a timer of its own.
  while (isRunning()) await sleep(POLL_MS, undefined, { ref: false });
  return { code: null, signal: null };
}
