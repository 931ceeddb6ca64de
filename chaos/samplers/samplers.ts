import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type Database } from '../../db/client.ts';
import type { History } from '../history.ts';
import type { ChaosSystem } from '../system/system.ts';
import { describeBroken, readBrokenStock } from './stock-sample.ts';

/** What the samplers saw. */
export interface Samples {
  /** Looks at the whole stock, and looks that failed because the database was away. */
  readonly stockLooks: number;
  readonly stockMissed: number;
  /** The largest memory of each process by its name, in bytes. */
  readonly memoryMax: Readonly<Record<string, number>>;
}

/** Samplers that look at the running system until they are stopped. */
export interface Samplers {
  stop(): Promise<Samples>;
}

const STOCK_EVERY_MS = 500;
const MEMORY_EVERY_MS = 2_000;

/** Looks at the stock twice a second and at the memory of each process, and writes what is broken to the history. */
export function startSamplers(system: Pick<ChaosSystem, 'databaseUrl' | 'pids'>, history: History): Samplers {
  const stopped = new AbortController();
  const { signal } = stopped;
  const database = createDatabase({
    url: system.databaseUrl,
    poolSize: 1,
    applicationName: 'chaos-sampler',
    onIdleError: () => {},
  });
  const stock = sampleStock(database, history, signal);
  const memory = sampleMemory(system, signal);
  const end = async (): Promise<Samples> => {
    stopped.abort();
    const samples = { ...(await stock), memoryMax: await memory };
    await database.close();
    return samples;
  };
  let ended: Promise<Samples> | null = null;
  return { stop: () => (ended ??= end()) };
}

async function sampleStock(database: Database, history: History, signal: AbortSignal) {
  let [stockLooks, stockMissed] = [0, 0];
  while (!signal.aborted) {
    try {
      for (const broken of await readBrokenStock(database)) {
        const { subject, message } = describeBroken(broken);
        history.write({ who: 'sampler', op: 'stock', type: 'fail', key: subject, data: { message } });
      }
      stockLooks += 1;
    } catch {
      stockMissed += 1;
    }
    await sleep(STOCK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return { stockLooks, stockMissed };
}

async function sampleMemory({ pids }: Pick<ChaosSystem, 'pids'>, signal: AbortSignal) {
  const memoryMax: Record<string, number> = {};
  while (!signal.aborted) {
    for (const [name, pid] of Object.entries(pids())) {
      memoryMax[name] = Math.max(memoryMax[name] ?? 0, await residentBytes(pid));
    }
    await sleep(MEMORY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return memoryMax;
}

/** 0 for a process that is gone. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes) * 1_024;
}
