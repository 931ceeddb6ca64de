import { runEntry } from './entry.ts';
import { CHAOS_USAGE, readChaosOptions } from './options.ts';
import { runChaos } from './run.ts';

// Entry of `npm run chaos`.
await runEntry({ usage: CHAOS_USAGE, read: readChaosOptions, run: runChaos });
