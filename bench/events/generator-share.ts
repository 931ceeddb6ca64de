import type { HeldRate } from './rate-search.ts';

/** The part of the machine that the load generator takes, and the rate that the service would hold without it. */
export interface GeneratorShare {
  /** CPU milliseconds per 1,000 events: the generator's, and those of all processes of the service. */
  readonly generatorCpuMs: number;
  readonly serviceCpuMs: number;
  /** The generator's part of the CPU time of both: 0.25 is a quarter. */
  readonly share: number;
  /** How busy the cores were with both, from 0 to 1. */
  readonly busy: number;
  /**
   * Events per second at which the service alone would keep as many cores busy as both do at the held rate. It is an
   * estimate: the limit of latency is assumed to be reached when the cores are as busy, and an event to cost the same.
   */
  readonly rateWithout: number;
}

/** Subtracts the generator from a rate that was held on `cores` cores. */
export function shareOfGenerator(held: HeldRate, cores: number): GeneratorShare {
  const { rate, generatorCpuMsPerThousand: generatorCpuMs, cpuMsPerThousand } = held;
  const serviceCpuMs = Object.values(cpuMsPerThousand).reduce((sum, ms) => sum + ms, 0);
  const both = generatorCpuMs + serviceCpuMs;
  return {
    generatorCpuMs,
    serviceCpuMs,
    share: generatorCpuMs / both,
    busy: (both * rate) / 1_000 / (1_000 * cores),
    rateWithout: (rate * both) / serviceCpuMs,
  };
}
