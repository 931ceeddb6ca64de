import { expect, it } from 'vitest';
import { FAULT_KINDS } from './faults/catalog.ts';
import type { FaultKind } from './faults/fault-kind.ts';
import { makePlan, parsePlan, type PlannedFault } from './plan.ts';
import { createRandom } from './random.ts';

const FULL = { kinds: FAULT_KINDS, topology: 'split', faults: 200, durationMs: 500_000, longestMs: 10_000 } as const;

const endOf = ({ startMs, lengthMs }: PlannedFault): number => startMs + lengthMs;
const kindOf = ({ kind }: PlannedFault): FaultKind | undefined => FAULT_KINDS.find(({ name }) => name === kind);
const claimsOf = (fault: PlannedFault): readonly string[] =>
  kindOf(fault)?.claims?.(fault.target, 'split') ?? [fault.target];

it('A seed repeats its plan, and a saved plan is read as it was', () => {
  const plan = makePlan(FULL, createRandom(7));
  expect(makePlan(FULL, createRandom(7))).toEqual(plan);
  expect(makePlan(FULL, createRandom(8))).not.toEqual(plan);
  expect(parsePlan(JSON.stringify(plan))).toEqual(plan);
});

it.each([1, 2, 3])('The full plan of seed %i has 200 faults, and every kind at least three times', (seed) => {
  const { faults } = makePlan(FULL, createRandom(seed));
  expect(faults).toHaveLength(200);
  const byKind = Map.groupBy(faults, ({ kind }) => kind);
  expect(byKind.size).toBe(FAULT_KINDS.length);
  expect(byKind.size).toBeGreaterThanOrEqual(20);
  expect(Math.min(...[...byKind.values()].map((of) => of.length))).toBeGreaterThanOrEqual(3);
});

it.each([1, 2, 3])('Each kind of seed %i strikes its targets equally often', (seed) => {
  const { faults } = makePlan(FULL, createRandom(seed));
  for (const [name, ofKind] of Map.groupBy(faults, ({ kind }) => kind)) {
    const targets = FAULT_KINDS.find((kind) => kind.name === name)?.targets(FULL.topology) ?? [];
    const counts = targets.map((target) => ofKind.filter((fault) => fault.target === target).length);
    expect(Math.max(...counts) - Math.min(...counts), name).toBeLessThanOrEqual(1);
  }
});

it.each([1, 2, 3])('The faults of seed %i end before the orders do, and no two strike one part at once', (seed) => {
  const { faults } = makePlan(FULL, createRandom(seed));
  for (const fault of faults) {
    expect(endOf(fault)).toBeLessThanOrEqual(FULL.durationMs);
    const others = faults.filter((other) => other !== fault);
    const besides = others.filter((other) => other.startMs < endOf(fault) && fault.startMs < endOf(other));
    const isWhole = claimsOf(fault).includes('*');
    const shared = besides.filter((other) => claimsOf(other).some((claim) => claimsOf(fault).includes(claim)));
    expect(isWhole ? besides : shared).toEqual([]);
  }
});
