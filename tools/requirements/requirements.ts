import { medianOf } from '../../bench/median.ts';
import * as load from './load-figures.ts';
import { systemOf, type Figure, type Results } from './results.ts';

/** A promise or a figure that was asked for. */
export interface Requirement {
  readonly what: string;
  readonly target: string;
  /** The command that measures it; null while there is none. */
  readonly command: string | null;
  /** The file of the results, in `bench/results/`. */
  readonly file: string;
  /** Null while the results are not there. */
  readonly read: (results: Results) => Figure | null;
}

/** Commands that write into `bench/results/`. */
const FLOOD = { command: 'npm run bench', file: 'flood.json' };
const PACED = { command: 'npm run bench -- paced', file: 'paced.json' };
const EVENTS = { command: 'npm run bench -- events', file: 'events.json' };
const OUTAGES = { command: 'npm run outages -- --out bench/results/outages.json', file: 'outages.json' };

const OVERLOAD = { command: 'npm run bench -- overload', file: 'overload.json' };
const USERS = { command: 'npm run bench -- users', file: 'users.json' };
const HOT_SKU = { command: 'npm run bench -- hot-sku', file: 'hot-sku.json', read: load.hotSku };
const CHAOS = { command: 'npm run chaos -- --seed 1', file: 'chaos.json' };
const SOAK = { command: 'npm run soak -- --minutes 30', file: 'soak.json' };
const WORKERS = { command: 'npm run bench -- workers', file: 'workers.json' };

const SECONDS_PER_DAY = 86_400;

/** The highest rate of single events that was tried and accepted, and its best p95. */
function triedAt(rate: number, { events }: Results): { accepted: number; p95: number } {
  const tries = events.results.single.steps.filter((step) => step.rate === rate);
  return {
    accepted: Math.max(...tries.map(({ acceptedPerSecond }) => acceptedPerSecond)),
    p95: Math.min(...tries.map(({ accept }) => accept.p95)),
  };
}

/** Memory of a process under the flood, or before it: the median of the rounds. */
function memoryOf(process: string, { flood }: Results, when: 'pssMiB' | 'restPssMiB' = 'pssMiB'): number {
  const sizes = flood.rounds.flatMap((round) =>
    round.system === 'split' ? [round[when]?.[process] ?? Number.NaN] : [],
  );
  return medianOf(sizes) ?? Number.NaN;
}

interface PacedFigure {
  readonly pick: 'accept' | 'endToEnd';
  /** `combined-lean` by default. */
  readonly system?: string;
}

function pacedLatency(
  { paced }: Results,
  { pick, system = 'combined-lean' }: PacedFigure,
  limits: Partial<Record<'p50' | 'p95' | 'p99', number>>,
) {
  if (paced === null) return null;
  const latency = systemOf(paced, system)[pick];
  const parts = Object.entries(limits) as ['p50' | 'p95' | 'p99', number][];
  return {
    text: parts.map(([name]) => `${name} ${ms(latency[name])}`).join(', '),
    isMet: parts.every(([name, limit]) => latency[name] < limit),
  };
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;
const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** The figures and promises of the brief. */
export const BRIEF: readonly Requirement[] = [
  {
    what: 'an order is accepted (p95) at 50/s, standard sandbox (the default)',
    target: 'under 100 ms',
    ...PACED,
    read: (results) => pacedLatency(results, { pick: 'accept', system: 'combined-standard' }, { p95: 100 }),
  },
  {
    what: 'an order is accepted (p95) at 50/s, lean sandbox',
    target: 'under 100 ms',
    ...PACED,
    read: (results) => pacedLatency(results, { pick: 'accept' }, { p95: 100 }),
  },
  {
    what: 'the same, the harder figure',
    target: 'under 10 ms',
    ...PACED,
    read: (results) => pacedLatency(results, { pick: 'accept' }, { p95: 10 }),
  },
  {
    what: 'a single event is accepted (p95) at 1,000/s',
    target: 'under 10 ms',
    ...EVENTS,
    read: ({ events }) => {
      const { accept, rate } = events.results.sustained;
      return { text: `${ms(accept.p95)} at ${whole(rate)}/s`, isMet: rate >= 1_000 && accept.p95 < 10 };
    },
  },
  {
    what: 'requests a second',
    target: '2,000, within 1 %',
    ...EVENTS,
    read: (results) => {
      const { accepted } = triedAt(2_000, results);
      return { text: `${whole(accepted)} single events accepted`, isMet: accepted >= 0.99 * 2_000 };
    },
  },
  {
    what: 'requests at this rate (p95)',
    target: 'under 10 ms',
    ...EVENTS,
    read: (results) => {
      const { p95 } = triedAt(2_000, results);
      return { text: `${ms(p95)} in the best of its tries`, isMet: p95 < 10 };
    },
  },
  {
    what: 'orders a second, lean sandbox',
    target: '1,000',
    ...FLOOD,
    read: ({ flood }) => {
      const { ordersPerSecond } = systemOf(flood, 'combined-lean');
      const text = `${ordersPerSecond.toFixed(1)} on two cores; for 1,000 see \`npm run capacity\``;
      return { text, isMet: ordersPerSecond >= 1_000 };
    },
  },
  {
    what: 'events a second, in batches of 100',
    target: '10,000',
    ...EVENTS,
    read: ({ events }) => {
      const { acceptedPerSecond } = events.results.batch.held;
      return { text: whole(acceptedPerSecond), isMet: acceptedPerSecond >= 10_000 };
    },
  },
  {
    what: 'orders a day, standard sandbox',
    target: '1,000,000',
    ...FLOOD,
    read: ({ flood }) => {
      const perDay = systemOf(flood, 'combined-standard').ordersPerSecond * SECONDS_PER_DAY;
      return { text: `${whole(perDay)} at the measured rate; no run took a day`, isMet: perDay >= 1_000_000 };
    },
  },
  ...[5_000, 10_000].map((count) => ({
    what: `${whole(count)} users at once, at 60 % of the capacity`,
    target: 'accept p95 under 100 ms, errors under 0.1 %',
    ...USERS,
    read: (results: Results) => load.usersAtOnce(results, count),
  })),
  {
    what: '5,000 connections held, 1,000 of them long polls',
    target: 'the same',
    ...USERS,
    read: (results) => load.connectionsHeld(results, 5_000),
  },
  {
    what: 'recovery when the payment provider is back: the last order',
    target: 'within 60 s',
    ...OUTAGES,
    read: ({ outages: { outages } }) => {
      const last = Math.max(...outages.map(({ lastSeconds }) => lastSeconds));
      const isWhole = outages.every(({ orders, confirmed }) => orders === confirmed);
      return { text: `${last.toFixed(1)} s, every order confirmed`, isMet: last <= 60 && isWhole };
    },
  },
  {
    what: 'recovery when processes and servers are killed',
    target: 'within 60 s',
    ...CHAOS,
    read: load.recoveryFromKills,
  },
  {
    what: 'memory of a worker of its own (`split`) under load',
    target: '256 MB',
    ...FLOOD,
    read: (results) => {
      const size = memoryOf('worker', results);
      return { text: `${whole(size)} MiB`, isMet: size <= 256 };
    },
  },
  {
    what: 'CPU of a worker of its own under the flood',
    target: 'half a core',
    ...FLOOD,
    read: ({ flood }) => {
      const { ordersPerSecond, cpuMsPerOrderByProcess } = systemOf(flood, 'split');
      const cores = ((cpuMsPerOrderByProcess['worker'] ?? Number.NaN) * ordersPerSecond) / 1_000;
      return { text: `${cores.toFixed(2)} cores at ${ordersPerSecond.toFixed(1)} orders/s`, isMet: cores <= 0.5 };
    },
  },
  {
    what: 'availability as clients see it, with faults',
    target: '99.9 %',
    ...SOAK,
    read: load.availabilityUnderFaults,
  },
  {
    what: 'memory and latency of a soak, the last fifth by the second',
    target: 'memory at most 1.25, latency 1.5',
    ...SOAK,
    read: load.flatnessOfSoak,
  },
  {
    what: 'nothing is lost: orders of the flood',
    target: 'every audit clean',
    ...FLOOD,
    read: ({ flood }) => {
      const own = flood.systems.filter(({ system }) => !['textbook', 'floor'].includes(system));
      const isMet = own.every(({ audit }) => audit === 'clean');
      return { text: isMet ? 'all clean' : 'an audit has found something', isMet };
    },
  },
  {
    what: 'nothing is lost: events of the runs',
    target: 'each processed or failed, in order',
    ...EVENTS,
    read: ({ events }) => {
      const { accepted, processed, failed, outOfOrder, gaps } = events.results.burst.verdict;
      const lost = accepted - processed - failed;
      return {
        text: `${whole(accepted)} accepted, ${lost} lost, ${outOfOrder} out of order`,
        isMet: lost === 0 && outOfOrder === 0 && gaps === 0,
      };
    },
  },
  {
    what: 'nothing is lost: 10,000 orders under 200 faults',
    target: '0 violations',
    ...CHAOS,
    read: load.nothingLostUnderFaults,
  },
];

function timesTextbook(name: string, target: number): Requirement['read'] {
  return ({ flood }) => {
    const { timesTextbook: times } = systemOf(flood, name);
    return { text: times.toFixed(2), isMet: times >= target };
  };
}

/** The budget of speed that the project has set for itself. */
export const BUDGET: readonly Requirement[] = [
  {
    what: 'lean sandbox against the textbook',
    target: '4.5 times',
    ...FLOOD,
    read: timesTextbook('combined-lean', 4.5),
  },
  {
    what: 'standard sandbox against the textbook',
    target: '3 times',
    ...FLOOD,
    read: timesTextbook('combined-standard', 3),
  },
  {
    what: 'lean sandbox against the floor',
    target: '85 %',
    ...FLOOD,
    read: ({ flood }) => {
      const share = systemOf(flood, 'combined-lean').ordersPerSecond / systemOf(flood, 'floor').ordersPerSecond;
      return { text: `${whole(share * 100)} %`, isMet: share >= 0.85 };
    },
  },
  {
    what: 'lean sandbox against the DBOS peer',
    target: '0.6',
    ...FLOOD,
    read: ({ flood }) => {
      const share = systemOf(flood, 'combined-lean').ordersPerSecond / systemOf(flood, 'dbos').ordersPerSecond;
      return { text: share.toFixed(2), isMet: share >= 0.6 };
    },
  },
  {
    what: 'CPU time of an order against the textbook',
    target: 'a fifth',
    ...FLOOD,
    read: ({ flood }) => {
      const share = systemOf(flood, 'combined-lean').cpuMsPerOrder / systemOf(flood, 'textbook').cpuMsPerOrder;
      return { text: share.toFixed(2), isMet: share <= 0.2 };
    },
  },
  {
    what: 'from accept to confirmation at 50/s, lean sandbox',
    target: 'p50 20, p95 35, p99 60 ms',
    ...PACED,
    read: (results) => pacedLatency(results, { pick: 'endToEnd' }, { p50: 20, p95: 35, p99: 60 }),
  },
  {
    what: 'memory of a worker of its own at rest',
    target: '256 MiB',
    ...FLOOD,
    read: (results) => {
      const size = memoryOf('worker', results, 'restPssMiB');
      return { text: `${whole(size)} MiB`, isMet: size <= 256 };
    },
  },
  {
    what: 'memory of a worker of its own under load, the budget',
    target: '400 MiB',
    ...FLOOD,
    read: (results) => {
      const size = memoryOf('worker', results);
      return { text: `${whole(size)} MiB`, isMet: size <= 400 };
    },
  },
  {
    what: 'an event from accept to result (p95) at 1,000/s',
    target: 'under 100 ms',
    ...EVENTS,
    read: ({ events }) => {
      const { p95 } = events.results.sustained.endToEnd;
      return { text: ms(p95), isMet: p95 < 100 };
    },
  },
  {
    what: '1, 2 and 4 workers with steps that wait',
    target: 'near linear: 4 workers at 3.2 times one',
    ...WORKERS,
    read: ({ workers }) => {
      if (workers === null) return null;
      const [one, ...more] = workers.systems.map(({ ordersPerSecond }) => ordersPerSecond);
      const times = more.map((perSecond) => perSecond / (one ?? Number.NaN));
      return { text: times.map((each) => each.toFixed(2)).join(' and '), isMet: (times.at(-1) ?? 0) >= 3.2 };
    },
  },
  {
    what: '2, 4 and 8 partitions with events whose handler waits, in one worker',
    target: 'near linear: 8 partitions at 3.2 times two',
    ...WORKERS,
    read: load.waitingPartitions,
  },
  {
    what: '1, 2 and 4 workers with the same events in 8 partitions',
    target: 'near linear: 4 workers at 3.2 times one',
    ...WORKERS,
    read: load.waitingWorkers,
  },
  {
    what: 'overload at 2 and 10 times the capacity: what is done meanwhile',
    target: '90 % of the capacity',
    ...OVERLOAD,
    read: load.goodputUnderOverload,
  },
  {
    what: 'overload: what was accepted, from accept to result (p99)',
    target: '3 times that of a busy service',
    ...OVERLOAD,
    read: load.latencyUnderOverload,
  },
  {
    what: 'overload: refusals (p99)',
    target: 'within 100 ms',
    ...OVERLOAD,
    read: load.refusalsUnderOverload,
  },
  { what: 'overload: recovery', target: 'under 10 s', ...OVERLOAD, read: load.recoveryFromOverload },
  {
    what: 'overload: memory at the end by its first third',
    target: 'at most 1.25',
    ...OVERLOAD,
    read: load.memoryUnderOverload,
  },
  {
    what: 'a tenant beside one at ten times its limit (p95)',
    target: 'at most a third higher than beside a usual one',
    ...OVERLOAD,
    read: load.noisyTenant,
  },
  {
    what: 'the same tenant, compared with one alone (p95)',
    target: 'at most a third higher',
    ...OVERLOAD,
    read: load.noisyTenantByAlone,
  },
  { what: 'one SKU that 64 clients buy', target: 'a third of the spread case, 0 oversold', ...HOT_SKU },
];
