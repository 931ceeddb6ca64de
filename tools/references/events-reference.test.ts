import { expect, it } from 'vitest';
import type { EventReport } from '../../bench/events/report.ts';
import { renderEvents } from './events-reference.ts';

const REPORT = {
  job: 'events',
  at: '2026-11-30T18:00:00.000Z',
  commit: 'abc1234',
  holdSeconds: 10,
  machine: { cpu: 'AMD EPYC', cores: 2 },
  versions: { node: 'v24' },
  results: {
    workers: [
      { workers: 2, processedPerSecond: 24_038.4, shares: [10, 6], cpuMsPerThousand: { postgres: 38 }, loadAverage: 4 },
    ],
  },
} as unknown as EventReport;

it('The page tells each row of the committed result, and the command that makes it', () => {
  const page = renderEvents(REPORT);
  expect(page).toContain('`npm run bench -- events`, 2026-11-30, commit abc1234, rates held for 10 s; node v24.');
  expect(page).toMatch(/^\| 2 workers +\| 24,038 processed\/s +\| compared +\| partitions 10 \+ 6 +\| postgres 38 /m);
});

it('A benchmark of events without a committed result is said to have none', () => {
  expect(renderEvents(null)).toContain('No result is committed yet.');
});
