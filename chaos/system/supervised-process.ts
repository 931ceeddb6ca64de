import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagedProcess, StopStage } from '../../src/dev/processes/processes.ts';

/** What the process is part of: faults choose their targets by it. */
export type ProcessRole = 'product' | 'temporal' | 'postgres' | 'simulator' | 'mail-sink' | 'receiver';

/** How a process is started and how one knows that it serves. */
export interface Launch {
  readonly name: string;
  readonly role: ProcessRole;
  readonly stages: readonly StopStage[];
  /** Starts the process with the variables that faults have set; resolves when it exists. */
  readonly spawn: (changes: Readonly<Record<string, string>>) => Promise<ManagedProcess>;
  /** Null when the process serves, else what is missing. */
  readonly probe: () => Promise<string | null>;
}

/** A process of the system that faults may end, freeze and start again. */
export interface SupervisedProcess {
  readonly name: string;
  readonly role: ProcessRole;
  /** Null while it does not run. */
  pid(): number | null;
  /** Starts that nobody asked for: the process had ended by itself. */
  restarts(): number;
  /** Starts it; without effect while it runs. */
  start(): Promise<void>;
  /** Resolves when it serves. @throws {Error} with what is missing, when the signal is aborted. */
  untilServing(signal: AbortSignal): Promise<void>;
  /** SIGKILL; it stays away until `start`. */
  kill(): Promise<void>;
  /** Ends it in order, as a deployment does; it stays away until `start`. */
  stop(): Promise<void>;
  /** SIGSTOP for it and its children. */
  freeze(): void;
  /** SIGCONT for it and its children. */
  thaw(): void;
  /** Variables that its next start gets beside its own; null removes one. */
  change(variables: Readonly<Record<string, string | null>>): void;
}

/** A process that ends by itself is started again after this time, as an orchestrator does. */
const RESTART_AFTER_MS = 1_000;

/** A start may fail while other parts are away. */
const START_TRIES_MAX = 10;

const PROBE_EVERY_MS = 100;

/** Puts a process under supervision; it is started by `start`. */
export function supervise(launch: Launch, log: (line: string) => void): SupervisedProcess {
  const changes = new Map<string, string>();
  let running: ManagedProcess | null = null;
  let isWanted = false;
  let restarts = 0;
  // Starts and ends of one process come one after another.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => (last = last.catch(() => {}).then(act));

  const launchNow = async (): Promise<void> => {
    if (running !== null || !isWanted) return;
    const started = await spawnPatiently(launch, changes);
    running = started;
    void started.exited.then(async ({ code, signal }) => {
      if (running === started) running = null;
      if (!isWanted) return;
      log(`${launch.name} has ended by itself (${signal ?? code}), and is started again`);
      restarts += 1;
      await sleep(RESTART_AFTER_MS);
      await inTurn(launchNow).catch((error: unknown) => log(`${launch.name} does not start: ${String(error)}`));
    });
  };
  const end = (stages: readonly StopStage[]): Promise<void> => {
    isWanted = false;
    return inTurn(async () => {
      const ending = running;
      if (ending === null) return;
      // A frozen process would hear nothing but SIGKILL.
      signalTree(ending.pid, 'SIGCONT');
      await ending.stop(stages);
      running = null;
    });
  };
  return {
    name: launch.name,
    role: launch.role,
    pid: () => running?.pid ?? null,
    restarts: () => restarts,
    start: () => {
      isWanted = true;
      return inTurn(launchNow);
    },
    untilServing: (signal) => untilServing(launch, () => running !== null, signal),
    kill: () => {
      isWanted = false;
      return inTurn(async () => {
        const killed = running;
        if (killed === null) return;
        // Frozen children of a killed PostgreSQL would not notice its end.
        signalTree(killed.pid, 'SIGCONT');
        killed.signal('SIGKILL');
        await killed.exited;
        running = null;
      });
    },
    stop: () => end(launch.stages),
    freeze: () => signalTree(running?.pid ?? null, 'SIGSTOP'),
    thaw: () => signalTree(running?.pid ?? null, 'SIGCONT'),
    change: (variables) => {
      for (const [name, value] of Object.entries(variables)) {
        if (value === null) changes.delete(name);
        else changes.set(name, value);
      }
    },
  };
}

async function spawnPatiently(launch: Launch, changes: ReadonlyMap<string, string>): Promise<ManagedProcess> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await launch.spawn(Object.fromEntries(changes));
    } catch (error) {
      if (tries === START_TRIES_MAX) throw error;
      await sleep(RESTART_AFTER_MS);
    }
  }
}

async function untilServing({ name, probe }: Launch, isRunning: () => boolean, signal: AbortSignal): Promise<void> {
  for (;;) {
    const missing = await probe();
    if (missing === null && isRunning()) return;
    if (signal.aborted) throw new Error(`${name} does not serve: ${missing ?? 'it is not started'}`);
    await sleep(PROBE_EVERY_MS);
  }
}

/** PostgreSQL has a process per connection; the children of a killed one end by themselves. */
function signalTree(pid: number | null, signal: NodeJS.Signals): void {
  if (pid === null) return;
  for (const each of [pid, ...childrenOf(pid)]) {
    try {
      process.kill(each, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
