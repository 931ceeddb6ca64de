import { ArgumentError } from '../../src/runtime/command-arguments.ts';
import { USUAL_LIMITS, type Demand, type Limits } from './model.ts';

/** The text that `--help` and a mistake print. */
export const CAPACITY_USAGE = `npm run capacity -- [options]
  --orders-per-second LIST  rates, separated by commas (default 100,1000,10000)
  --events-per-second N     events beside the orders (default 0)
  --events-by WAY           single or batch: how they come (default single)
  --system NAME             whose costs: combined-standard (default), combined-lean or split
  --busy SHARE              how much of a core is used (default ${USUAL_LIMITS.busyShare})
  --server-cores N          cores of a PostgreSQL server (default ${USUAL_LIMITS.coresPerServer})
  --shard-write-ms N        time of one write of Temporal (default ${USUAL_LIMITS.shardWriteMs})
  --temporal-days N         how long histories are kept (default ${USUAL_LIMITS.temporalDays})
  --json                    the plans as JSON`;

/** The options, as `parseArguments` takes them. */
export const CAPACITY_OPTIONS = {
  'orders-per-second': { type: 'string', default: '100,1000,10000' },
  'events-per-second': { type: 'string', default: '0' },
  'events-by': { type: 'string', default: 'single' },
  system: { type: 'string', default: 'combined-standard' },
  busy: { type: 'string', default: String(USUAL_LIMITS.busyShare) },
  'server-cores': { type: 'string', default: String(USUAL_LIMITS.coresPerServer) },
  'shard-write-ms': { type: 'string', default: String(USUAL_LIMITS.shardWriteMs) },
  'temporal-days': { type: 'string', default: String(USUAL_LIMITS.temporalDays) },
  json: { type: 'boolean', default: false },
} as const;

type Values = Readonly<Record<Exclude<keyof typeof CAPACITY_OPTIONS, 'json'>, string>>;

/**
 * What is asked for, and the limits that the plans keep.
 * @throws {ArgumentError} when a value is not a number that makes sense.
 */
export function readCapacityValues(values: Values): { readonly demands: readonly Demand[]; readonly limits: Limits } {
  const eventsBy = values['events-by'];
  if (eventsBy !== 'single' && eventsBy !== 'batch') throw new ArgumentError('--events-by is single or batch');
  const eventsPerSecond = numberOf('--events-per-second', values['events-per-second'], 0);
  const rates = values['orders-per-second'].split(',').map((rate) => numberOf('--orders-per-second', rate, 0.01));
  const busyShare = numberOf('--busy', values.busy, 0.01);
  if (busyShare > 1) throw new ArgumentError('--busy is at most 1');
  return {
    demands: rates.map((ordersPerSecond) => ({ ordersPerSecond, eventsPerSecond, eventsBy })),
    limits: {
      busyShare,
      coresPerServer: numberOf('--server-cores', values['server-cores'], 1),
      shardWriteMs: numberOf('--shard-write-ms', values['shard-write-ms'], 0.01),
      temporalDays: numberOf('--temporal-days', values['temporal-days'], 0),
    },
  };
}

function numberOf(option: string, text: string, min: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= min) return value;
  throw new ArgumentError(`${option}: "${text}" is not a number from ${min}`);
}
