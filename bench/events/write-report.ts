import { writeResults } from '../write-report.ts';
import { drawEventChart } from './event-chart.ts';
import type { EventReport } from './report.ts';

/** Writes `events.json`, `events.svg` and `events.png`. */
export function writeEventReport(report: EventReport, folder: string): Promise<void> {
  return writeResults(report, drawEventChart(report), folder);
}
