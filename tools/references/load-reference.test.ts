import { expect, it } from 'vitest';
import { atLeast, atMost } from '../../bench/load-tests/targets.ts';
import { sectionOf } from './load-reference.ts';

const RESULT = { at: '2026-11-30T10:00:00.000Z', commit: 'abc1234', seconds: 120, machine: { cpu: 'some', cores: 2 } };

it('The results of a load test are told with every target, the missed ones too', () => {
  const orders = {
    what: 'orders',
    targets: [atLeast('10x: goodput', 0.8349, [0.9, '']), atMost('p99', 99, [100, 'ms'])],
  };
  const tenants = { targets: [atMost('refused', 0, [0, 'posts'])] };
  const text = sectionOf('overload', { ...RESULT, parts: [orders], tenants });
  expect(text).toContain(
    '`npm run bench -- overload --seconds 120`, 2026-11-30, commit abc1234, 2 cores (some): 2 of 3 targets met.',
  );
  expect(text).toMatch(/^\| orders +\| 10x: goodput +\| 0\.835 +\| >= 0\.9 +\| missed +\|$/m);
  expect(text).toMatch(/^\| orders +\| p99 +\| 99 ms +\| <= 100 ms +\| met +\|$/m);
  expect(text).toMatch(/^\| tenants +\| refused +\| 0 posts +\| <= 0 posts +\| met +\|$/m);
});

it('A load test without a committed result says so', () => {
  expect(sectionOf('users', null)).toBe('## npm run bench -- users\n\nNo result is committed yet.\n');
});
