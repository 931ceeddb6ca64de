import type { Cleanup } from '../cleanup.ts';
import type { LoadTestOptions } from './options.ts';
import { runHotSku } from './hot-sku.ts';
import { runOverload } from './overload.ts';
import { runUsers } from './users.ts';

/** A test of the service under load. */
export interface LoadTest {
  /** How long each load lasts, unless `--seconds` says otherwise. */
  readonly seconds: number;
  /** Resolves with whether every target was met. */
  run(options: LoadTestOptions, cleanup: Cleanup, log: (line: string) => void): Promise<boolean>;
}

/** The tests by the word that `npm run bench --` takes. */
export const LOAD_TESTS: ReadonlyMap<string, LoadTest> = new Map([
  ['overload', { seconds: 120, run: runOverload }],
  ['hot-sku', { seconds: 20, run: runHotSku }],
  ['users', { seconds: 60, run: runUsers }],
]);
