import { atMost, type Target } from '../../bench/load-tests/targets.ts';
import { medianOf } from '../../bench/median.ts';
import type { MemoryMinutes } from './growth.ts';
import type { MinuteOfClients } from './tally.ts';

/** What was seen minute by minute. */
export interface SoakMinutes {
  readonly clients: readonly MinuteOfClients[];
  readonly memoryMib: MemoryMinutes;
}

/** A soak is compared in fifths. In the first one caches fill and code is compiled, so the second one is the base. */
const PARTS = 5;

/** A median may differ by as much between two parts of a run with faults; more is growth. */
const GROWN_TIMES = { memory: 1.25, latency: 1.5 } as const;

/** Medians of the last fifth by those of the second: memory of each process of the product, and the time until a 202. */
export function flatnessOf({ clients, memoryMib }: SoakMinutes): Target[] {
  const processes = [...new Set(memoryMib.flatMap((minute) => Object.keys(minute)))].filter(isProduct);
  const latency = growthOf(clients.map(({ acceptMs }) => acceptMs?.p50 ?? null));
  return [
    ...processes.map((name) =>
      atMost(`memory of ${name}`, growthOf(memoryMib.map((minute) => minute[name] ?? null)), [GROWN_TIMES.memory, '']),
    ),
    atMost('time until a 202, p50', latency, [GROWN_TIMES.latency, '']),
  ];
}

function isProduct(name: string): boolean {
  return /^(?:combined|api|worker)/.test(name);
}

/** The median of the last fifth by that of the second; infinite when one of them has no value. */
function growthOf(minutes: readonly (number | null)[]): number {
  const length = Math.ceil(minutes.length / PARTS);
  const known = (part: readonly (number | null)[]): number[] => part.flatMap((value) => value ?? []);
  const [base, last] = [minutes.slice(length, 2 * length), minutes.slice(-length)].map((part) => medianOf(known(part)));
  return base == null || last == null ? Number.POSITIVE_INFINITY : Number((last / base).toFixed(3));
}
