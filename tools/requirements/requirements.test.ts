import { expect, it } from 'vitest';
import { hasResult } from '../committed-result.ts';
import { verdictOf } from './render-requirements.ts';
import { BRIEF, BUDGET, type Requirement } from './requirements.ts';
import { readResults } from './results.ts';

const results = readResults();
const all: readonly Requirement[] = [...BRIEF, ...BUDGET];

it('Every requirement whose results are committed has a figure', () => {
  const unread = all.filter(({ read, file }) => read(results) === null && hasResult(file));
  expect(unread.map(({ what }) => what)).toEqual([]);
});

it('A target that was missed is said to be missed, and one without a result to be not measured yet', () => {
  const verdictFor = (figure: ReturnType<Requirement['read']>): string =>
    verdictOf({ what: 'w', target: 't', command: 'c', file: 'f', read: () => figure }, results);
  expect(verdictFor({ text: '1', isMet: true })).toBe('met');
  expect(verdictFor({ text: '1', isMet: false })).toBe('missed');
  expect(verdictFor(null)).toBe('not measured yet');
});

it('A figure of latency is compared with each of its limits', () => {
  const { systems, rounds } = results.flood;
  const paced = (p95: number) => {
    const latency = { p50: 1, p95, p99: 30 };
    const run = systems.map((system) => ({ ...system, accept: latency, endToEnd: latency }));
    return { ...results, paced: { systems: run, rounds } };
  };
  const [accept, end] = ['the same, the harder figure', 'from accept to confirmation at 50/s, lean sandbox'].map(
    (name) => all.find(({ what }) => what === name),
  );
  expect(accept?.read(paced(9))).toEqual({ text: 'p95 9.0 ms', isMet: true });
  expect(accept?.read(paced(11))).toEqual({ text: 'p95 11.0 ms', isMet: false });
  expect(end?.read(paced(34))?.isMet).toBe(true);
  expect(end?.read(paced(36))).toEqual({ text: 'p50 1.0 ms, p95 36.0 ms, p99 30.0 ms', isMet: false });
});
