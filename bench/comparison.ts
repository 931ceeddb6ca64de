import { readFile } from 'node:fs/promises';
import { alignColumns } from './report.ts';

/** How far a ratio may be from the committed one, in both directions, as a part of the committed one. */
const TOLERANCE = 0.25;

/** The system that the others are compared with. */
const YARDSTICK = 'textbook';

/** The part of a report that is compared. */
export interface Ratios {
  readonly systems: readonly { readonly system: string; readonly timesTextbook: number | null }[];
}

/** The ratio of a system in two runs. */
export interface Comparison {
  readonly system: string;
  readonly now: number | null;
  /** Null when the committed run did not measure the system. */
  readonly committed: number | null;
  /** 0.1 is a tenth more than committed; null when there is nothing to compare. */
  readonly deviation: number | null;
}

/** Reads the committed report of a job. */
export async function readCommitted(file: string): Promise<Ratios> {
  return JSON.parse(await readFile(file, 'utf8')) as Ratios;
}

/** Compares the ratios of a run to the textbook with the committed ones. */
export function compareRatios(run: Ratios, committed: Ratios): Comparison[] {
  const known = new Map(committed.systems.map(({ system, timesTextbook }) => [system, timesTextbook]));
  return run.systems
    .filter(({ system }) => system !== YARDSTICK)
    .map(({ system, timesTextbook: now }) => {
      const before = known.get(system) ?? null;
      const deviation = now === null || before === null ? null : now / before - 1;
      return { system, now, committed: before, deviation };
    });
}

/**
 * Whether every system that the committed run measured has a ratio within the tolerance, and there is at least one.
 */
export function isWithinTolerance(comparisons: readonly Comparison[]): boolean {
  const comparable = comparisons.filter(({ committed }) => committed !== null);
  return (
    comparable.length > 0 && comparable.every(({ deviation }) => deviation !== null && Math.abs(deviation) <= TOLERANCE)
  );
}

/** The comparison as a table for the terminal. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((comparison) => [
    comparison.system,
    ratioText(comparison.now),
    ratioText(comparison.committed),
    verdictOf(comparison),
  ]);
  return alignColumns([['x textbook', 'now', 'committed', 'difference'], ...rows]);
}

function ratioText(ratio: number | null): string {
  return ratio?.toFixed(2) ?? '-';
}

function verdictOf({ committed, deviation }: Comparison): string {
  if (committed === null) return 'not measured in the committed run';
  if (deviation === null) return 'no ratio now';
  const percent = `${deviation < 0 ? '' : '+'}${(deviation * 100).toFixed(0)} %`;
  return Math.abs(deviation) <= TOLERANCE ? percent : `${percent}, more than ${TOLERANCE * 100} %`;
}
