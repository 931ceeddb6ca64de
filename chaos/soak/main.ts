import { runEntry } from '../entry.ts';
import { readSoakOptions, SOAK_USAGE } from './options.ts';
import { runSoak } from './run.ts';

// Entry of `npm run soak`.
await runEntry({ usage: SOAK_USAGE, read: readSoakOptions, run: runSoak });
