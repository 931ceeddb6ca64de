import { expect, it } from 'vitest';
import { openScreen } from './screen.ts';
import { lineOf, pageOf, ratesBetween } from './view.ts';
import { parseReceived, type Snapshot } from './watch.ts';

function snapshot(second: number, processed: number, lag: number): Snapshot {
  const partitions = Array.from({ length: 18 }, (_, partition) => ({
    partition,
    lag: partition === 17 ? lag : 0,
    oldestSeconds: partition === 17 && lag > 0 ? 0.25 : 0,
  }));
  const consumer = {
    name: 'analytics',
    paused: false,
    processed,
    retrying: 2,
    failed: 5,
    lag,
    oldestSeconds: 0.25,
    partitions,
  };
  return {
    at: `2026-11-21T10:00:0${second}.000Z`,
    accepted: processed + lag + 7,
    consumers: [consumer],
    orders: { byStatus: { PENDING: 0, CONFIRMED: 1_200 }, windowHours: 24 },
    received: { accepted: 10, duplicate: 1, refused: 0 },
  };
}

const [before, now] = [snapshot(0, 1_000, 0), snapshot(2, 3_000, 40)];
const rates = ratesBetween(before, now);

it('The page of the monitor has rates between two snapshots', () => {
  expect(rates).toEqual({
    accepted: 1_020,
    consumers: [{ name: 'analytics', processed: 1_000, failed: 0, retrying: 0 }],
  });
});

it('The page of the monitor shows totals, rates, lag by partition in tables of eight, and orders', () => {
  const page = pageOf('http://api', now, rates);
  expect(page).toMatch(/^order-saga at http:\/\/api, 10:00:02 UTC$/m);
  expect(page).toMatch(/^events accepted: 3,047, 1,020\/s/m);
  expect(page).toMatch(/^analytics +3,000 {2}\+1,000\/s +5 {2}0\/s +2 {2}0\/s +40 +250 ms$/m);
  expect(page).toMatch(/^lag by partition +16 +17\n.*\nanalytics +0 +40 250 ms$/m);
  expect(page).toMatch(/orders of the last 24 hours: CONFIRMED 1,200$/);
});

it('The page of the monitor is a line where there is no terminal', () => {
  expect(lineOf(now, rates)).toBe(
    '10:00:02 | accepted 3047 (1,020/s) | analytics 3000 (1,000/s) failed 5 retrying 2 lag 40 oldest 250 ms' +
      ' | orders CONFIRMED 1,200',
  );
});

it('The page of the monitor is drawn within the terminal, which is restored once', () => {
  const written: string[] = [];
  const screen = openScreen({ rows: 2, columns: 5, write: (text) => written.push(text) });
  screen.draw('abcdefg\nhi\nnever');
  screen.restore();
  screen.restore();
  screen.draw('late');
  expect(written).toEqual([
    '\u001B[?1049h\u001B[?25l',
    '\u001B[Habcde\u001B[K\r\nhi\u001B[K\u001B[J',
    '\u001B[?25h\u001B[?1049l',
  ]);
});

it('The number of new events is summed over the types', () => {
  const metrics = [
    'events_received_total{type="purchase",outcome="accepted"} 7 1700000000000',
    'events_received_total{outcome="accepted",type="custom"} 3',
    'events_received_total{type="purchase",outcome="duplicate"} 2',
    'events_append_size_count 5',
  ].join('\n');
  expect(parseReceived(metrics)).toEqual({ accepted: 10, duplicate: 2, refused: 0 });
});
