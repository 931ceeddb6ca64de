import type { Target } from '../../bench/load-tests/targets.ts';
import type { ChaosReport } from '../../chaos/report/report.ts';
import type { Figure, Results, UsersRun, WaitingConsumers } from './results.ts';

// Figures out of the runs under load and under faults. Each is null while its results are not committed.

/** How the measured values of a target are told. */
type Tell = (target: Target) => string;

const asShare: Tell = ({ what, measured }) => `${factorOf(what)} ${percent(measured)}`;
const asTime: Tell = ({ what, measured, unit }) => `${factorOf(what)} ${Number(measured.toPrecision(2))} ${unit}`;

/** A target of an overload begins with its factor: `10x: recovery`. */
function factorOf(what: string): string {
  return what.split(':')[0] ?? what;
}

/** The targets whose names end so, of orders and of events, at each factor. */
function overloadFigure({ overload }: Results, name: string, tell: Tell): Figure | null {
  if (overload === null) return null;
  const parts = overload.parts.map(({ what, targets }) => ({
    what,
    targets: targets.filter((target) => target.what.endsWith(name)),
  }));
  return {
    text: parts.map(({ what, targets }) => `${what} ${targets.map(tell).join(', ')}`).join('; '),
    isMet: parts.every(({ targets }) => targets.length > 0 && targets.every(({ met }) => met)),
  };
}

/** How much faster events whose handler waits are processed with more of something, each compared with the least of it. */
function waitingConsumers(
  { workers }: Results,
  more: 'partitions' | 'workers',
  isCompared: (run: WaitingConsumers, all: readonly WaitingConsumers[]) => boolean,
): Figure | null {
  if (workers === null) return null;
  const compared = workers.consumers.filter((run, _, all) => isCompared(run, all));
  const [least, ...others] = compared.toSorted((one, other) => one[more] - other[more]);
  const times = others.map(({ processedPerSecond }) => processedPerSecond / (least?.processedPerSecond ?? Number.NaN));
  const isSound = workers.consumers.every((run) => run.isSound);
  const text = times.map((each) => each.toFixed(2)).join(' and ');
  return {
    text: isSound ? text : `${text}, with events lost or out of order`,
    isMet: isSound && (times.at(-1) ?? 0) >= 3.2,
  };
}

/** One worker with more and more partitions. */
export function waitingPartitions(results: Results): Figure | null {
  return waitingConsumers(results, 'partitions', ({ workers }) => workers === 1);
}

/** More and more workers, with the largest number of partitions. */
export function waitingWorkers(results: Results): Figure | null {
  return waitingConsumers(results, 'workers', ({ partitions }, all) =>
    all.every((other) => other.partitions <= partitions),
  );
}

/** What was done in a second while more was asked for, as a share of the capacity. */
export function goodputUnderOverload(results: Results): Figure | null {
  return overloadFigure(results, 'share of the capacity', asShare);
}

/** How fast those are refused that are too many. */
export function refusalsUnderOverload(results: Results): Figure | null {
  return overloadFigure(results, 'refusal p99', asTime);
}

/** How long after an overload everything is as before. */
export function recoveryFromOverload(results: Results): Figure | null {
  return overloadFigure(results, 'recovery', asTime);
}

/** How long those that were accepted took. */
export function latencyUnderOverload(results: Results): Figure | null {
  return overloadFigure(results, 'end to end p99', asTime);
}

/** Memory at the end of an overload by its first third. */
export function memoryUnderOverload(results: Results): Figure | null {
  return overloadFigure(results, 'first third', ({ what, measured }) => `${factorOf(what)} ${measured.toFixed(2)}`);
}

/** What a quiet tenant saw beside one that sends ten times what it may, by what it saw beside a usual one. */
export function noisyTenant(results: Results): Figure | null {
  return tenantFigure(results, 'the other tenant: ');
}

/** The same, by what the quiet tenant saw alone. */
export function noisyTenantByAlone(results: Results): Figure | null {
  return tenantFigure(results, 'the other tenant by one alone: ');
}

function tenantFigure({ overload }: Results, prefix: string): Figure | null {
  const all = overload?.tenants?.targets ?? [];
  const targets = all.filter(({ what }) => what.startsWith(prefix) && what.endsWith('p95'));
  if (targets.length === 0) return null;
  const text = targets.map(
    ({ what, measured, unit }) => `${what.slice(prefix.length)} ${Number(measured.toPrecision(2))} ${unit}`,
  );
  return { text: text.join(', '), isMet: targets.every(({ met }) => met) };
}

/** What this number of users with think time saw. */
export function usersAtOnce({ users }: Results, count: number): Figure | null {
  return figureOfUsers(
    users,
    (result) => result.users === count && result.polls + result.idle === 0,
    `${count} users:`,
  );
}

/** What users saw who ordered while this number of connections was held. */
export function connectionsHeld({ users }: Results, count: number): Figure | null {
  return figureOfUsers(users, ({ polls, idle }) => polls + idle === count, `${count} connections held:`);
}

function figureOfUsers(
  run: UsersRun | null,
  isMeant: (result: UsersRun['results'][number]) => boolean,
  prefix: string,
): Figure | null {
  const result = run?.results.find(isMeant);
  if (run === null || result === undefined) return null;
  const errors = Object.values(result.errors).reduce((sum, each) => sum + each, 0);
  return {
    text: `accept p95 ${result.accept.p95.toFixed(1)} ms, ${errors} errors in ${result.orders.toLocaleString('en-US')} orders`,
    isMet: run.targets.filter(({ what }) => what.startsWith(prefix)).every(({ met }) => met),
  };
}

/** One SKU against many. */
export function hotSku({ hotSku: run }: Results): Figure | null {
  if (run === null) return null;
  const text = `${percent(run.share)} of the spread case, ${run.stock.oversold} oversold`;
  return { text, isMet: run.targets.every(({ met }) => met) };
}

const RESTARTED_WITHIN_MS = 60_000;

/** How long orders waited after processes and servers had been killed. */
export function recoveryFromKills({ chaos }: Results): Figure | null {
  if (chaos === null) return null;
  const waits = chaos.recovery.filter(isKill).flatMap(({ fromHeal }) => fromHeal?.max ?? []);
  if (waits.length === 0) return null;
  const longest = Math.max(...waits);
  return {
    text: `${(longest / 1_000).toFixed(1)} s after the restart, the longest of the ordinary orders`,
    isMet: longest <= RESTARTED_WITHIN_MS,
  };
}

function isKill({ kind }: ChaosReport['recovery'][number]): boolean {
  return kind.startsWith('kill');
}

const ORDERS = 10_000;
const FAULTS = 200;

/** The full run of faults. */
export function nothingLostUnderFaults({ chaos }: Results): Figure | null {
  if (chaos === null) return null;
  const { orders, faults, kinds, violations } = chaos;
  return {
    text: `${orders.toLocaleString('en-US')} orders, ${faults} faults of ${kinds} kinds, ${violations} violations`,
    isMet: violations === 0 && orders >= ORDERS && faults >= FAULTS,
  };
}

/** Memory and latency at the end of a soak, by those after its warm-up. */
export function flatnessOfSoak({ soak }: Results): Figure | null {
  if (soak === null) return null;
  const text = soak.targets.map(({ what, measured }) => `${what} ${measured.toFixed(2)}`).join(', ');
  return { text, isMet: soak.targets.every(({ met }) => met) };
}

const AVAILABILITY = 0.999;

/** Requests that were served while faults were on. */
export function availabilityUnderFaults({ soak }: Results): Figure | null {
  if (soak === null) return null;
  const { availability, minutes, perSecond } = soak;
  return {
    text: `${(availability * 100).toFixed(2)} % of the requests, in ${minutes} min at ${perSecond} orders/s`,
    isMet: availability >= AVAILABILITY,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
