import { setTimeout as sleep } from 'node:timers/promises';
import { systemLine } from '../../runtime/system-line.ts';
import { findApi, type ApiAccess } from '../api-access.ts';
import { ArgumentError } from '../../runtime/command-arguments.ts';
import { createInterrupts } from '../processes/interrupts.ts';
import { MONITOR_USAGE, readMonitorArguments, type MonitorPlan } from './arguments.ts';
import { openScreen } from './screen.ts';
import { lineOf, pageOf, ratesBetween } from './view.ts';
import { takeSnapshot, type Snapshot } from './watch.ts';

const REFRESH_MS = 1_000;

// Entry of `npm run monitor`: shows what the event pipeline does, from the HTTP API only.
process.exit(await main());

async function main(): Promise<number> {
  try {
    const plan = readMonitorArguments(process.argv.slice(2));
    if (plan !== null) return await run(plan);
    console.log(MONITOR_USAGE);
    return 0;
  } catch (error) {
    const isUsage = error instanceof ArgumentError;
    console.error(`npm run monitor: ${error instanceof Error ? error.message : String(error)}`);
    if (isUsage) console.error(`\n${MONITOR_USAGE}`);
    return isUsage ? 2 : 1;
  }
}

async function run(plan: MonitorPlan): Promise<number> {
  const access = findApi(process.env, plan);
  console.error(systemLine(process.env, access.url));
  const { stop } = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  // A reader that goes away (`| head`) ends the program like Ctrl-C.
  process.stdout.on('error', () => process.exit(0));
  if (plan.once) await showOnce(access, plan.json, stop);
  else await watch(access, stop);
  return 0;
}

/** Two snapshots are taken a second apart, because a single one has no rates. */
async function showOnce(access: ApiAccess, asJson: boolean, stop: AbortSignal): Promise<void> {
  const before = await takeSnapshot(access, stop);
  await sleep(REFRESH_MS, undefined, { signal: stop });
  const now = await takeSnapshot(access, stop);
  const perSecond = ratesBetween(before, now);
  console.log(asJson ? JSON.stringify({ ...now, perSecond }, null, 2) : pageOf(access.url, now, perSecond));
}

async function watch(access: ApiAccess, stop: AbortSignal): Promise<void> {
  const screen = process.stdout.isTTY ? openScreen(process.stdout) : null;
  const show = (page: string, line: string): void => {
    if (screen === null) console.log(line);
    else screen.draw(page);
  };
  let before: Snapshot | null = null;
  let page = '';
  const look = async (): Promise<void> => {
    try {
      const now = await takeSnapshot(access, stop);
      const rates = ratesBetween(before ?? now, now);
      page = pageOf(access.url, now, rates);
      show(`${page}\n\nCtrl-C ends`, lineOf(now, rates));
      before = now;
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error);
      if (!stop.aborted) show(`${trouble}\nTrying again each second. What follows is old.\n\n${page}`, trouble);
    }
  };
  try {
    while (!stop.aborted) {
      const due = sleep(REFRESH_MS, undefined, { signal: stop }).catch(() => {});
      await look();
      await due;
    }
  } finally {
    screen?.restore();
  }
}
