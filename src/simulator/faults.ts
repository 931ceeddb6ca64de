import { z } from 'zod';

/** Ten minutes: longer than any timeout a client uses, and far below the 2^31 ms at which Node's timers misfire. */
const MAX_DELAY_MS = 600_000;

const delayMs = z.int().min(0).max(MAX_DELAY_MS);
const probability = z.number().min(0).max(1);

const faultsSchema = z.strictObject({
  latencyMs: delayMs,
  errorRate: probability,
  resetAfterRate: probability,
  lateMs: delayMs,
  down: z.boolean(),
  pmDown: z.boolean(),
});

const faultsPatchSchema = faultsSchema.partial();

/** All switchable faults: delays in milliseconds, rates as probabilities from 0 to 1. */
type Faults = Readonly<z.infer<typeof faultsSchema>>;

/** No fault, except that the method `pm_down` is down, which is its purpose. */
const DEFAULT_FAULTS: Faults = {
  latencyMs: 0,
  errorRate: 0,
  resetAfterRate: 0,
  lateMs: 0,
  down: false,
  pmDown: true,
};

/** The faults of one simulator. They live in memory only: a restart begins with the defaults. */
export interface FaultSwitches {
  current(): Faults;
  /** Merges a patch and returns all faults. An invalid patch changes nothing, and its problems are returned. */
  merge(patch: unknown): { readonly problem: string } | Faults;
  reset(): Faults;
  /** Draws a random number for a rate: never true for 0, always true for 1. */
  strikes(rate: number): boolean;
}

/** Switches that begin with the defaults; `random` answers numbers in [0, 1) and can be fixed in tests. */
export function createFaultSwitches(random: () => number = Math.random): FaultSwitches {
  let faults = DEFAULT_FAULTS;
  return {
    current: () => faults,
    merge(patch) {
      const parsed = faultsPatchSchema.safeParse(patch);
      if (!parsed.success) return { problem: z.prettifyError(parsed.error) };
      const given = Object.entries(parsed.data).filter(([, value]) => value !== undefined);
      faults = { ...faults, ...Object.fromEntries(given) };
      return faults;
    },
    reset() {
      faults = DEFAULT_FAULTS;
      return faults;
    },
    strikes: (rate) => rate > 0 && random() < rate,
  };
}
