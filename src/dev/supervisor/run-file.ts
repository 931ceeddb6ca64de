import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { processIdentity } from '../processes/process-identity.ts';

/** A process that a run started; `identity` tells it from a later process with the same pid. */
type RunRecord = z.infer<typeof runRecordSchema>;

const runRecordSchema = z.object({ name: z.string(), pid: z.int().positive(), identity: z.string() });
const runFileSchema = z.array(runRecordSchema);

/** The list of a run's processes on disk: what the next start needs to find the leftovers of a killed one. */
export interface RunFile {
  /** Adds a process that is alive now. */
  record(name: string, pid: number): void;
  /** Removes a process that has ended. */
  forget(pid: number): void;
  /** Records whose process is alive and is the very one that was recorded. */
  alive(): RunRecord[];
  /** Removes the file. */
  clear(): void;
}

/** Creates the list at `path`; nothing is written before the first record. An unreadable file counts as empty. */
export function createRunFile(path: string): RunFile {
  const records = (): RunRecord[] => readRecords(path);
  return {
    record: (name, pid) => {
      const identity = processIdentity(pid);
      if (identity === null) return;
      writeRecords(path, [...records().filter((other) => other.pid !== pid), { name, pid, identity }]);
    },
    forget: (pid) => {
      writeRecords(
        path,
        records().filter((other) => other.pid !== pid),
      );
    },
    alive: () => records().filter(({ pid, identity }) => processIdentity(pid) === identity),
    clear: () => {
      rmSync(path, { force: true });
    },
  };
}

function readRecords(path: string): RunRecord[] {
  try {
    return runFileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}

/** Written aside and renamed: a kill in the middle leaves the old list, not half of the new one. */
function writeRecords(path: string, records: readonly RunRecord[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(records, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
