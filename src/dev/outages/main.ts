import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ArgumentError, takeArguments } from '../../runtime/command-arguments.ts';
import { systemLine } from '../../runtime/system-line.ts';
import { findApi } from '../api-access.ts';
import { formatTable } from '../demo/table.ts';
import { loadDevEnvironment } from '../dev-environment.ts';
import { createInterrupts } from '../processes/interrupts.ts';
import { playOutage, type OutageResult } from './outage.ts';

const USAGE = `npm run outages -- [--minutes 1,3,10] [--rate ORDERS_PER_SECOND] [--out FILE]
  Beside a running npm start: takes the payment provider away, posts orders all the while, and tells when they end.
  --minutes LIST   how long it is away, one outage after the other (default: 1,3,10)
  --rate N         orders per second (default: 1)
  --out FILE       the results as JSON`;

// Entry of `npm run outages`: how long orders take to recover from outages of the payment provider.
process.exit(await main());

async function main(): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const isUsage = error instanceof ArgumentError;
    console.error(`npm run outages: ${error instanceof Error ? error.message : String(error)}`);
    if (isUsage) console.error(`\n${USAGE}`);
    return isUsage ? 2 : 1;
  }
}

async function run(): Promise<number> {
  const { values } = takeArguments(USAGE, {
    options: {
      minutes: { type: 'string', default: '1,3,10' },
      rate: { type: 'string', default: '1' },
      out: { type: 'string' },
    },
  });
  const ordersPerSecond = positive('--rate', values.rate);
  const outages = values.minutes.split(',').map((minutes) => positive('--minutes', minutes));
  const { url: apiUrl, token } = findApi(process.env, { url: null, token: null });
  console.error(systemLine(process.env, apiUrl));
  const { simulatorUrl } = loadDevEnvironment(process.env);
  const { stop: signal } = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  const results: OutageResult[] = [];
  for (const minutes of outages) {
    console.error(`the provider is away for ${minutes} min`);
    results.push(await playOutage({ apiUrl, simulatorUrl, token, signal }, { minutes, ordersPerSecond }));
  }
  console.log(tableOf(results));
  if (values.out !== undefined) await write(values.out, results);
  return results.every(({ orders, confirmed, casesAfter }) => confirmed === orders && casesAfter === 0) ? 0 : 1;
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new ArgumentError(`${option}: "${text}" is not a number above 0`);
}

function tableOf(results: readonly OutageResult[]): string {
  const header = ['away', 'orders', 'confirmed', 'cases at its return', 'cases left', 'median', 'last'];
  const rows = results.map((result) => [
    `${result.minutes} min`,
    String(result.orders),
    String(result.confirmed),
    String(result.casesBefore),
    String(result.casesAfter),
    `${result.medianSeconds.toFixed(1)} s`,
    `${result.lastSeconds.toFixed(1)} s`,
  ]);
  return formatTable(header, rows);
}

async function write(file: string, results: readonly OutageResult[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ at: new Date().toISOString(), outages: results }, null, 2)}\n`);
}
