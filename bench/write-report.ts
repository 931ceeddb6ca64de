import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawChart } from './chart.ts';
import type { Report } from './report.ts';

/** Writes `<job>.json`, `<job>.svg` and `<job>.png`. */
export async function writeReport(report: Report, folder: string): Promise<void> {
  await writeResults(report, drawChart(report), folder);
}

/** Writes a report and its chart under the name of the job. */
export async function writeResults(
  report: { readonly job: string },
  { svg, png }: { readonly svg: string; readonly png: Buffer },
  folder: string,
): Promise<void> {
  await writeJson(report, folder);
  const path = (extension: string): string => join(folder, `${report.job}.${extension}`);
  await writeFile(path('svg'), svg);
  await writeFile(path('png'), png);
}

/** Writes a report that has no chart, `<job>.json`. */
export async function writeJson(report: { readonly job: string }, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${report.job}.json`), `${JSON.stringify(report, rounded, 2)}\n`);
}

/** The measurement is not precise enough for more than three digits. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
}
