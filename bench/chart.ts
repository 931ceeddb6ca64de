import { Resvg } from '@resvg/resvg-js';
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { nameOf, type Report } from './report.ts';

const WIDTH = 1_000;
const HEIGHT = 460;

/** Left grid: orders per second. Right grid: CPU time per order, stacked by part. */
const GRIDS = [
  { left: 150, width: 330, top: 90, bottom: 60 },
  { left: 610, width: 340, top: 90, bottom: 60 },
];

/** Parts of the CPU time, as colored in the chart; every other process of the system is a Node process. */
const PARTS = ['node', 'postgres', 'temporal', 'restate'] as const;
const COLORS = ['#2f6f9f', '#8a6fb0', '#d98e32', '#b3433f'];

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Draws orders per second and CPU time per order of every system. */
export function drawChart(report: Report): { svg: string; png: Buffer } {
  return renderChart(chartOption(report), HEIGHT);
}

/** Renders a chart of bars and lines, with the width of all charts here. */
export function renderChart(option: EChartsCoreOption, height: number): { svg: string; png: Buffer } {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption(option);
    const svg = chart.renderToSVGString();
    const png = new Resvg(svg, { background: 'white', font: { defaultFontFamily: 'DejaVu Sans' } }).render().asPng();
    return { svg, png };
  } finally {
    // Its timers would keep the process alive.
    chart.dispose();
  }
}

function chartOption(report: Report) {
  // The axis grows upwards: the first system is drawn at the top.
  const systems = report.systems.toReversed();
  const names = systems.map(nameOf);
  const textStyle = { fontFamily: 'DejaVu Sans, sans-serif' };
  const title = (text: string, { left, top, fontSize }: { left: number; top: number; fontSize: number }) => ({
    text,
    left,
    top,
    textStyle: { ...textStyle, fontSize, fontWeight: 'normal' as const },
  });
  const { machine } = report;
  return {
    animation: false,
    backgroundColor: 'white',
    textStyle,
    title: [
      title(
        `${report.job}: ${report.orders} orders, ${machine.cores} cores for everything, ${machine.cpu} (* smaller)`,
        {
          left: 20,
          top: 12,
          fontSize: 16,
        },
      ),
      title('orders per second', { left: 150, top: 56, fontSize: 13 }),
      title('CPU ms per order', { left: 610, top: 56, fontSize: 13 }),
    ],
    legend: { data: [...PARTS], bottom: 12, left: 610, textStyle },
    grid: GRIDS,
    xAxis: [0, 1].map((gridIndex) => ({ type: 'value' as const, gridIndex })),
    yAxis: [0, 1].map((gridIndex) => ({ type: 'category' as const, gridIndex, data: names })),
    series: [
      {
        type: 'bar' as const,
        xAxisIndex: 0,
        yAxisIndex: 0,
        itemStyle: { color: '#3a8f62' },
        data: systems.map(({ ordersPerSecond, timesTextbook }) => ({
          value: Math.round((ordersPerSecond ?? 0) * 10) / 10,
          label: { show: true, position: 'insideRight' as const, formatter: barLabel(ordersPerSecond, timesTextbook) },
        })),
      },
      ...PARTS.map((part, index) => ({
        type: 'bar' as const,
        name: part,
        stack: 'cpu',
        xAxisIndex: 1,
        yAxisIndex: 1,
        itemStyle: { color: COLORS[index] },
        data: systems.map(({ cpuMsPerOrderByProcess }) => cpuOfPart(cpuMsPerOrderByProcess, part)),
      })),
    ],
  };
}

function barLabel(ordersPerSecond: number | null, timesTextbook: number | null): string {
  if (ordersPerSecond === null) return 'audit failed';
  const ratio = timesTextbook === null ? '' : ` (${timesTextbook.toFixed(2)} x)`;
  return `${ordersPerSecond.toFixed(1)}${ratio}`;
}

const NOT_NODE = new Set(['postgres', 'temporal', 'restate', 'simulator', 'mail sink', 'load']);

function cpuOfPart(byProcess: Readonly<Record<string, number>>, part: (typeof PARTS)[number]): number {
  const entries = Object.entries(byProcess).filter(([process]) =>
    part === 'node' ? !NOT_NODE.has(process) : process === part,
  );
  const sum = entries.reduce((total, [, value]) => total + value, 0);
  return Math.round(sum * 100) / 100;
}
