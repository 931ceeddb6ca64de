import { systemLine } from '../../runtime/system-line.ts';
import { ArgumentError } from '../../runtime/command-arguments.ts';
import { createInterrupts } from '../processes/interrupts.ts';
import { findApi } from '../api-access.ts';
import { PRODUCE_USAGE, readProduceArguments, type ProducePlan } from './arguments.ts';
import { produce } from './produce.ts';
import { showProgress } from './progress-bar.ts';
import { isFullyTaken, resultTable } from './result-table.ts';

// Entry of `npm run produce`: sends events or orders at a fixed rate and reports the results.
process.exit(await main());

async function main(): Promise<number> {
  try {
    const plan = readProduceArguments(process.argv.slice(2));
    if (plan !== null) return await run(plan);
    console.log(PRODUCE_USAGE);
    return 0;
  } catch (error) {
    const isUsage = error instanceof ArgumentError;
    console.error(`npm run produce: ${error instanceof Error ? error.message : String(error)}`);
    if (isUsage) console.error(`\n${PRODUCE_USAGE}`);
    return isUsage ? 2 : 1;
  }
}

async function run(plan: ProducePlan): Promise<number> {
  const access = findApi(process.env, plan);
  console.error(systemLine(process.env, access.url));
  const { stop } = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  const batches = plan.batch === 1 ? '' : ` in batches of ${plan.batch}`;
  console.error(`${plan.count} ${plan.what} at ${plan.rate}/s${batches} to ${access.url}`);
  let hideProgress = (): void => {};
  const result = await produce({ ...plan, ...access }, stop, (tally, counts) => {
    hideProgress = showProgress(process.stderr, plan, { tally, counts });
  });
  hideProgress();
  if (stop.aborted) console.error('interrupted; what follows is what was sent until then');
  console.log(resultTable(plan, result));
  return isFullyTaken(result) ? 0 : 1;
}
