import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';

const milliseconds = z.record(z.string(), z.number());

const flood = z.object({
  machine: z.object({ cores: z.number() }),
  systems: z.array(
    z.object({
      system: z.string(),
      ordersPerSecond: z.number(),
      cpuMsPerOrderByProcess: milliseconds,
      writesPerOrder: z.number(),
      transactionsPerOrder: z.object({ temporal: z.number() }),
      bytesPerOrder: z.object({ app: z.number(), temporal: z.number() }).optional(),
    }),
  ),
});

const phase = z.object({ cpuMsPerThousand: milliseconds });
const events = z.object({ results: z.object({ sustained: phase, batch: z.object({ held: phase }) }) });

/** What one order has cost in a system of the benchmark. */
export interface MeasuredSystem {
  readonly system: string;
  readonly ordersPerSecond: number;
  /** CPU milliseconds of each process, those of the load and of the stand-ins among them. */
  readonly cpuMsPerOrder: Readonly<Record<string, number>>;
  readonly writesPerOrder: number;
  /** Transactions in the databases of Temporal. */
  readonly temporalTransactionsPerOrder: number;
  /** Null when the run has not measured it. */
  readonly bytesPerOrder: { readonly app: number; readonly temporal: number } | null;
}

/** What the committed results say. */
export interface Measured {
  /** Cores of the machine, which everything shared. */
  readonly cores: number;
  readonly systems: readonly MeasuredSystem[];
  /** CPU milliseconds of one event by process: posted one by one, and in batches of 100. */
  readonly cpuMsPerEvent: Readonly<Record<'single' | 'batch', Readonly<Record<string, number>>>>;
}

/** Reads `bench/results/`. */
export function readMeasured(): Measured {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(join(PROJECT_FOLDER, 'bench/results', name), 'utf8')) as unknown;
  const { machine, systems } = flood.parse(read('flood.json'));
  const { sustained, batch } = events.parse(read('events.json')).results;
  return {
    cores: machine.cores,
    systems: systems.map(({ cpuMsPerOrderByProcess, transactionsPerOrder, bytesPerOrder = null, ...system }) => ({
      ...system,
      cpuMsPerOrder: cpuMsPerOrderByProcess,
      temporalTransactionsPerOrder: transactionsPerOrder.temporal,
      bytesPerOrder,
    })),
    cpuMsPerEvent: { single: perEvent(sustained), batch: perEvent(batch.held) },
  };
}

function perEvent({ cpuMsPerThousand }: z.output<typeof phase>): Record<string, number> {
  return Object.fromEntries(Object.entries(cpuMsPerThousand).map(([process, of]) => [process, of / 1_000]));
}
