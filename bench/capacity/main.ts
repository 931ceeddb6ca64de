import { ArgumentError, takeArguments } from '../../src/runtime/command-arguments.ts';
import { readMeasured } from './measured.ts';
import { planFor } from './model.ts';
import { CAPACITY_OPTIONS, CAPACITY_USAGE, readCapacityValues } from './options.ts';
import { capacityText } from './report.ts';

// Entry of `npm run capacity`: what a rate of orders and events needs, by the committed results of the benchmark.
const { values } = takeArguments(CAPACITY_USAGE, { options: CAPACITY_OPTIONS });
try {
  const { demands, limits } = readCapacityValues(values);
  const measured = readMeasured();
  const system = measured.systems.find((each) => each.system === values.system);
  if (system === undefined) throw new ArgumentError(`flood.json has no system ${values.system}`);
  const plans = demands.map((demand) => planFor(demand, { system, measured, limits }));
  process.stdout.write(
    `${values.json ? JSON.stringify({ system: system.system, limits, plans }, null, 2) : capacityText({ measured, system, limits, plans })}\n`,
  );
} catch (error) {
  if (!(error instanceof ArgumentError)) throw error;
  process.stderr.write(`${error.message}\n\n${CAPACITY_USAGE}\n`);
  process.exitCode = 2;
}
