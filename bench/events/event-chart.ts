import { renderChart } from '../chart.ts';
import type { EventReport } from './report.ts';
import { isGoodFor, type RateResult } from './rate-search.ts';

const HEIGHT = 780;

/** Two columns, two rows. */
const GRIDS = [
  { left: 70, width: 400, top: 90, height: 240 },
  { left: 560, width: 400, top: 90, height: 240 },
  { left: 70, width: 400, top: 450, height: 240 },
  { left: 560, width: 400, top: 450, height: 240 },
];

const TITLES = [
  'single events: accept p95 in ms by rate (events/s), best try',
  'batches of 100: accept p95 in ms by rate (events/s), best try',
  'memory in MiB over the seconds of the load',
  'events processed per second by workers',
];

const COLORS = { p95: '#2f6f9f', goal: '#b3433f', memory: '#8a6fb0', workers: '#3a8f62' } as const;

/** Draws latency by rate, memory over time, and the comparison of workers. */
export function drawEventChart(report: EventReport): { svg: string; png: Buffer } {
  const { results, machine } = report;
  const textStyle = { fontFamily: 'DejaVu Sans, sans-serif' };
  const title = (text: string, { left, top, fontSize }: { left: number; top: number; fontSize: number }) => ({
    text,
    left,
    top,
    textStyle: { ...textStyle, fontSize, fontWeight: 'normal' },
  });
  const memory = results.million?.memory ?? results.burst?.memory ?? [];
  const workers = results.workers ?? [];
  const option = {
    animation: false,
    backgroundColor: 'white',
    textStyle,
    title: [
      title(`events: ${machine.cores} cores for everything, ${machine.cpu}`, { left: 20, top: 12, fontSize: 16 }),
      ...TITLES.map((text, index) =>
        title(text, { left: GRIDS[index]?.left ?? 0, top: (GRIDS[index]?.top ?? 0) - 36, fontSize: 13 }),
      ),
    ],
    grid: GRIDS,
    xAxis: [0, 1, 2, 3].map((gridIndex) =>
      gridIndex === 3
        ? { type: 'category', gridIndex, data: workers.map(({ workers: count }) => String(count)) }
        : { type: 'value', gridIndex },
    ),
    yAxis: [0, 1, 2, 3].map((gridIndex) => ({ type: 'value', gridIndex, min: 0 })),
    series: [
      ...rateSeries(results.single, 0),
      ...rateSeries(results.batch, 1),
      line(
        2,
        COLORS.memory,
        memory.map(({ second, pssMiB }) => [second, sumOf(pssMiB)]),
      ),
      {
        type: 'bar',
        xAxisIndex: 3,
        yAxisIndex: 3,
        barMaxWidth: 60,
        itemStyle: { color: COLORS.workers },
        label: { show: true, position: 'top' },
        data: workers.map(({ processedPerSecond }) => Math.round(processedPerSecond)),
      },
    ],
  };
  return renderChart(option, HEIGHT);
}

function rateSeries(found: RateResult | undefined, grid: number): object[] {
  if (found === undefined) return [];
  const rates = [...new Set(found.steps.map(({ rate }) => rate))];
  const points = rates.map((tried): [number, number] => {
    const tries = found.steps.filter(({ rate }) => rate === tried);
    const good = tries.filter(isGoodFor(found));
    const p95s = (good.length > 0 ? good : tries).map(({ accept }) => accept.p95);
    return [tried, Math.round(Math.min(...p95s) * 10) / 10];
  });
  const goal: [number, number][] = [Math.min(...rates), Math.max(...rates)].map((rate) => [rate, found.p95LimitMs]);
  return [line(grid, COLORS.p95, points), { ...line(grid, COLORS.goal, goal), lineStyle: { type: 'dashed' } }];
}

function line(grid: number, color: string, data: readonly (readonly [number, number])[]) {
  return { type: 'line', xAxisIndex: grid, yAxisIndex: grid, itemStyle: { color }, symbolSize: 5, data };
}

function sumOf(sizes: Readonly<Record<string, number>>): number {
  return Math.round(Object.values(sizes).reduce((sum, size) => sum + size, 0));
}
