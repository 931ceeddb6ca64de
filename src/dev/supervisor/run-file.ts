import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { processIdentity } from '../processes/process-identity.ts';

/** A process that a run started; `identity` distinguishes it from a later process with the same pid. */
type RunRecord = z.infer<typeof runRecordSchema>;

const runRecordSchema = z.object({ name: z.string(), pid: z.int().positive(), identity: z.string() });
const runFileSchema = z.array(runRecordSchema);

/** The list of a run's processes on disk, by which the next start finds the leftovers of a killed run. */
export interface RunFile {
  /** Adds a process that is alive now. */
  record(name: string, pid: number): void;
  /** Removes a process that has ended. */
  forget(pid: number): void;
  /** Records whose process is alive and is the recorded one. */
  alive(): RunRecord[];
  /** Removes the file. */
  clear(): void;
}

/** Nothing is written to `path` before the first record. An unreadable file counts as empty. */
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

/** The file is written under another name and renamed, so that a kill in the middle leaves the old list intact. */
function writeRecords(path: string, records: readonly RunRecord[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(records, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
