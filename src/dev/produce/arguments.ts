import { ArgumentError, parseArguments } from '../../runtime/command-arguments.ts';
import { PRODUCED_TYPES, type TypeWeight } from './make-events.ts';

/** The options of the producer. */
export interface ProducePlan {
  readonly what: 'events' | 'orders';
  /** Events or orders per second. */
  readonly rate: number;
  readonly count: number;
  readonly weights: readonly TypeWeight[];
  /** Events per request. */
  readonly batch: number;
  readonly duplicates: number;
  readonly invalid: number;
  readonly users: number;
  readonly inFlightMax: number;
  /** Null means the address that `npm start` has written. */
  readonly url: string | null;
  readonly token: string | null;
}

/** The text that `--help` and a mistake print. */
export const PRODUCE_USAGE = `npm run produce -- [--rate 500] [--seconds 30 | --count 1000] [options]
  --rate N         events per second, or orders (default: 100)
  --seconds N      how long (default: 10)
  --count N        how many, instead of how long
  --types LIST     what to send, with weights: purchase:70,page_view:30
                   (any of ${PRODUCED_TYPES.join(', ')}; default: purchase:50,page_view:40,user_signup:10)
  --batch N        events per request, up to 500 (default: 1)
  --duplicates P   percent of events that repeat an earlier one (default: 0)
  --invalid P      percent of events with wrong content, which fail after they are accepted (default: 0)
  --orders         orders instead of events
  --users N        events of one user stay in order (default: 1000)
  --in-flight N    requests without an answer at most (default: 1000)
  --url URL        the API (default: that of the last npm start)
  --token TOKEN    (default: .data/dev-token)`;

const OPTIONS = {
  rate: { type: 'string', default: '100' },
  seconds: { type: 'string' },
  count: { type: 'string' },
  types: { type: 'string' },
  batch: { type: 'string' },
  duplicates: { type: 'string' },
  invalid: { type: 'string' },
  orders: { type: 'boolean', default: false },
  users: { type: 'string', default: '1000' },
  'in-flight': { type: 'string', default: '1000' },
  url: { type: 'string' },
  token: { type: 'string' },
} as const;

const DEFAULT_SECONDS = 10;
const DEFAULT_TYPES = 'purchase:50,page_view:40,user_signup:10';

/** The API accepts this number of events in one request. */
const BATCH_MAX = 500;
const RATE_MAX = 100_000;
const COUNT_MAX = 100_000_000;
const IN_FLIGHT_MAX = 10_000;

/**
 * Reads the command line; null when help is requested.
 * @throws {ArgumentError}
 */
export function readProduceArguments(args: readonly string[]): ProducePlan | null {
  const values = parseArguments(args, { options: OPTIONS })?.values ?? null;
  if (values === null) return null;
  if (values.orders) refuseWithOrders(values);
  return {
    what: values.orders ? 'orders' : 'events',
    ...readAmount(values),
    ...readEventOptions(values),
    users: wholeNumberIn('--users', values.users, [1, 10_000_000]),
    inFlightMax: wholeNumberIn('--in-flight', values['in-flight'], [1, IN_FLIGHT_MAX]),
    url: values.url === undefined ? null : readUrl(values.url),
    token: values.token ?? null,
  };
}

type Given<Name extends string> = Partial<Record<Name, string>>;

function readAmount(
  values: Given<'seconds' | 'count'> & { readonly rate: string },
): Pick<ProducePlan, 'rate' | 'count'> {
  const { seconds, count } = values;
  if (seconds !== undefined && count !== undefined) {
    throw new ArgumentError('--seconds and --count exclude each other: one follows from the other');
  }
  const rate = numberIn('--rate', values.rate, [0.1, RATE_MAX]);
  if (count !== undefined) return { rate, count: wholeNumberIn('--count', count, [1, COUNT_MAX]) };
  const forSeconds = numberIn('--seconds', seconds ?? String(DEFAULT_SECONDS), [0.1, 86_400]);
  return { rate, count: Math.max(1, Math.round(rate * forSeconds)) };
}

type EventOption = 'types' | 'batch' | 'duplicates' | 'invalid';

function readEventOptions({ types, batch, duplicates, invalid }: Given<EventOption>) {
  return {
    weights: readTypes(types ?? DEFAULT_TYPES),
    batch: wholeNumberIn('--batch', batch ?? '1', [1, BATCH_MAX]),
    duplicates: numberIn('--duplicates', duplicates ?? '0', [0, 99]),
    invalid: numberIn('--invalid', invalid ?? '0', [0, 100]),
  };
}

function refuseWithOrders(values: Given<EventOption>): void {
  for (const option of ['types', 'batch', 'duplicates', 'invalid'] as const) {
    if (values[option] !== undefined) throw new ArgumentError(`--${option} is about events, not --orders`);
  }
}

type Range = readonly [least: number, most: number];

function numberIn(option: string, text: string, [least, most]: Range): number {
  const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new ArgumentError(`${option}: "${text}" is not a number from ${least} to ${most}`);
}

function wholeNumberIn(option: string, text: string, range: Range): number {
  const number = numberIn(option, text, range);
  if (Number.isInteger(number)) return number;
  throw new ArgumentError(`${option}: "${text}" is not a whole number`);
}

function readTypes(list: string): TypeWeight[] {
  const weights: TypeWeight[] = [];
  for (const part of list.split(',')) {
    const [name = '', weight = '1', ...rest] = part.trim().split(':');
    const type = PRODUCED_TYPES.find((known) => known === name);
    if (type === undefined || rest.length > 0) {
      throw new ArgumentError(`--types: "${part}" is not type:weight with one of ${PRODUCED_TYPES.join(', ')}`);
    }
    if (weights.some((known) => known.type === type)) throw new ArgumentError(`--types: ${type} is named twice`);
    weights.push({ type, weight: numberIn(`--types ${type}`, weight, [0.001, 1_000_000]) });
  }
  return weights;
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ArgumentError(`--url: "${text}" is not the address of an API, for example http://127.0.0.1:8080`);
  }
  return url.origin;
}
