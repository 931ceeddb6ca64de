import { isSettledInTime, SETTLED_WITHIN_SECONDS, type ChaosReport } from '../../chaos/report/report.ts';
import type { Recovery } from '../../chaos/report/recovery.ts';
import type { SoakReport } from '../../chaos/soak/run.ts';
import { targetRows } from '../../bench/load-tests/targets.ts';
import { medianOf } from '../../bench/median.ts';
import { PLANTS } from '../../chaos/plants/plants.ts';
import { readResult } from '../committed-result.ts';
import { renderTable } from '../markdown-table.ts';

/** What `npm run chaos:plants -- --json FILE` writes, as far as the page tells it. */
export interface PlantFigures {
  /** RFC 3339. */
  readonly at: string;
  readonly plants: readonly { readonly plant: string; readonly caughtBy: number | null }[];
}

const RUN_FILE = 'chaos.json';
const KILLS_FILE = 'chaos-kills.json';
const PLANTS_FILE = 'chaos-plants.json';
const SOAK_FILE = 'soak.json';

/** What a full run must show. */
const TARGETS = {
  orders: 10_000,
  faults: 200,
  kinds: 15,
  restSeconds: SETTLED_WITHIN_SECONDS,
  killSeconds: 10,
  restartSeconds: 30,
} as const;

/** `docs/reliability.md`, with the figures of the committed runs. */
export function renderReliabilityReference(): string {
  return renderReliability({
    run: readResult(RUN_FILE) as ChaosReport | null,
    kills: readResult(KILLS_FILE) as ChaosReport | null,
    plants: readResult(PLANTS_FILE) as PlantFigures | null,
    soak: readResult(SOAK_FILE) as SoakReport | null,
  });
}

/** The committed results; null for a run that is not committed. */
export interface ReliabilityResults {
  readonly run: ChaosReport | null;
  /** A run in which processes are killed and nothing else happens. */
  readonly kills: ChaosReport | null;
  readonly plants: PlantFigures | null;
  readonly soak: SoakReport | null;
}

/** The page for these results. */
export function renderReliability({ run, kills, plants, soak }: ReliabilityResults): string {
  return `# Reliability

<!-- Made by \`npm run docs\` from tools/references/reliability-reference.ts and files of bench/results/: chaos.json, chaos-kills.json, chaos-plants.json, soak.json. -->

What the service promises, and how a machine tries to prove it wrong. Single failures have tests of their own
([failure-scenarios.md](failure-scenarios.md)); this page is about all of them at once.

## The run

\`\`\`
npm run chaos -- --seed 1                  # 10,000 orders, 220 faults, 40 minutes
npm run chaos -- --seed 1 --profile ci     # a small run, two minutes
npm run chaos:judge -- .data/chaos         # judges an ended run again, after a check was corrected
npm run chaos:plants                       # checks the checker
npm run soak -- --minutes 30               # a steady rate for a long time, with faults on
\`\`\`

It starts the whole system as processes, with a proxy on every link. Clients of four tenants place orders of every kind
(scarce stock, declines, lost replies, wrong amounts, manual captures in parts), cancel, capture and refund them, reuse keys
and send malformed requests; producers send events; operators decide cases. Meanwhile a plan of faults is played: processes
killed, frozen and replaced, links cut before and after the effect, stores restarted and filled up, effects at the provider
itself, workflows ended by Temporal's own tools. One seed decides both the workload and the plan. A seed repeats the plan,
but not the exact timing, because real processes run. \`--plan FILE\` plays a saved plan again, or a part of it.

Everything that clients, operators and faults did is in \`history.jsonl\`. An answer that never came counts as unknown, and
not as a failure. After the last heal the checker compares the history with what the system has left.

## Promises

${renderTable(['promise', 'how the run checks it'], PROMISES)}

## The last full run

${run === null ? NOT_RUN : runText(run)}

## Kills alone

${kills === null ? NO_KILLS : killsText(kills)}

## The last soak

${soak === null ? NO_SOAK : soakText(soak)}

## The checker is checked

\`npm run chaos:plants\` plants each bug in a copy of the code of its own; the checks of the broken guarantee must find it
within five seeds. Each check also has unit tests that tell it lies (\`chaos/checker/orders.test.ts\`,
\`chaos/checker/streams.test.ts\`).${plantsText(plants)}

${renderTable(['plant', 'bug', 'caught'], plantRows(plants))}

A run that reaches too little fails, although nothing was broken: it names the courses that it has missed (no ambiguous
charge, no sold-out SKU, no operator's decision, a kind of fault that struck fewer than three times).
`;
}

const PROMISES: string[][] = [
  ['an accepted order is never lost', 'each key with a 202 has one order, one id in all answers, and its end'],
  ['the same key never makes a second one', 'repeats get the first answer; another body under the key gets 422'],
  [
    'no charge without a confirmed order',
    'what the provider’s ledger shows agrees with the status; then the audit compares it with the books',
  ],
  ['stock is never oversold and never leaked', 'twice a second, in one snapshot: figures, movements and holds agree'],
  ['an unknown outcome is looked up', 'no order ends as declined whose payment method cannot be declined'],
  ['no state is a dead end', 'orders are at rest within 120 s of the last heal, or parked for a reason'],
  ['a message never hurts the order', 'every end has its mail, which arrived, and its webhook, signed, in order'],
  ['an event is processed once, in order', 'each acknowledged event has one result; keys keep their order'],
  ['a command that was answered is done', 'a decision never changes; promised cancels and refunds are at the provider'],
  ['a tenant sees its own orders only', 'others get 404; webhooks are signed by the tenant’s own secret'],
  ['no secret in a log', 'addresses of customers and secrets of the service are searched in every log of the service'],
];

const NOT_RUN = `No full run is committed yet: \`npm run chaos\`, then copy \`.data/chaos/report.json\` to \`bench/results/${RUN_FILE}\` and run \`npm run docs\`.`;

const NO_SOAK = `No soak is committed yet: \`npm run soak\`, then copy \`.data/soak/report.json\` to \`bench/results/${SOAK_FILE}\` and run \`npm run docs\`.`;

function runText(run: ChaosReport): string {
  return `${aboutText(run)}

${renderTable(['figure', 'required', 'measured', ''], figureRows(run))}
${examplesText(run)}
${renderTable(['fault', 'struck', 'orders', 'p50', 'p99', 'longest'], run.recovery.map(recoveryRow))}

${SECONDS_TEXT}; other faults were on at the same time. \`kill\` is one kind, told by the process that was killed.`;
}

const SECONDS_TEXT =
  'Seconds from the heal until ordinary orders that met the fault were at rest; 0.0 s: they were at rest before the heal';

const NO_KILLS = `No such run is committed yet: \`npm run chaos -- --kinds kill,kill-everything\`, report to \`bench/results/${KILLS_FILE}\`.`;

function killsText(run: ChaosReport): string {
  return `How long an order stands still because of a kill is seen only where nothing else is broken at the same time.
${aboutText(run)}

${renderTable(['figure', 'required', 'measured', ''], [violationsRow(run), ...killRows(run)])}
${examplesText(run)}
${renderTable(['fault', 'struck', 'orders', 'p50', 'p99', 'longest'], run.recovery.map(recoveryRow))}

${SECONDS_TEXT}.`;
}

/** What the checker has reported; empty for a run without a violation. */
function examplesText({ examples }: ChaosReport): string {
  const lines = examples.map(({ check, subject, message }) => `- \`${check}\`, ${subject}: ${message}`);
  return lines.length === 0 ? '' : `\nThe checker has reported:\n\n${lines.join('\n')}\n`;
}

/** The command that repeats the run, and when it was. */
function aboutText(run: ChaosReport): string {
  const { profile, seed, orders, perSecond, planned, topology, only, commit, judgedBy, at, seconds } = run;
  const kinds = only === null ? '' : ` --kinds ${only.join(',')}`;
  const size = `--orders ${orders} --per-second ${perSecond} --faults ${planned} --topology ${topology}`;
  return `\`npm run chaos -- --profile ${profile} --seed ${seed} ${size}${kinds}\`,
${at.slice(0, 10)}, commit ${commit ?? 'unknown'}${judgedBy == null ? '' : ` (judged by the checks of ${judgedBy})`}, ${thousands(seconds)} s:`;
}

/** One row for each fifth of the run, so that what grows is seen. */
const SOAK_PARTS = 5;

function soakText(soak: SoakReport): string {
  const { minutes, perSecond, faultsPerMinute, seed, at, commit, availability, accepted, settled, violations } = soak;
  const options = `--minutes ${minutes} --per-second ${perSecond} --faults-per-minute ${faultsPerMinute} --seed ${seed}`;
  const growth = Object.entries(soak.growth).map(([name, bytes]) => [name, thousands(bytes)]);
  return `\`npm run soak -- ${options}\`, ${at.slice(0, 10)}, commit ${commit ?? 'unknown'}: ${thousands(accepted)} orders
accepted, ${soak.faults} faults, ${(availability * 100).toFixed(2)} % of the requests served (each try for itself; a request fails
without an answer or with 5xx), everything at rest ${settled.seconds.toFixed(1)} s after the last heal, ${violations} violations.

${renderTable(['minutes', 'orders', '202 p50', '202 p99', 'served', 'memory of each process, MiB'], soakRows(soak))}

Medians of the last fifth by those of the second:

${renderTable(
  ['what', 'measured', 'limit', 'verdict'],
  targetRows('', soak.targets).map((cells) => cells.slice(1).map((cell) => cell.trim())),
)}

What an order has added on disk, in bytes:

${renderTable(['where', 'bytes per order'], growth)}`;
}

function soakRows({ minutes, clients, memoryMib }: SoakReport): string[][] {
  const length = Math.ceil(minutes / SOAK_PARTS);
  const starts = Array.from({ length: Math.ceil(minutes / length) }, (_, index) => index * length);
  return starts.map((start) => {
    const end = Math.min(minutes, start + length);
    const part = clients.slice(start, end);
    const requests = sumOf(part.map((minute) => minute.requests));
    const failed = sumOf(part.map((minute) => minute.failed));
    const latency = (pick: 'p50' | 'p99') => rounded(part.flatMap(({ acceptMs }) => acceptMs?.[pick] ?? []));
    return [
      `${start + 1} to ${end}`,
      thousands(sumOf(part.map(({ accepted }) => accepted))),
      `${latency('p50')} ms`,
      `${latency('p99')} ms`,
      `${((1 - failed / Math.max(1, requests)) * 100).toFixed(2)} %`,
      medianMemory(memoryMib.slice(start, end)),
    ];
  });
}

/** Medians of the minutes, of the processes of the product and of Temporal's server. */
function medianMemory(minutes: SoakReport['memoryMib']): string {
  const names = new Set(minutes.flatMap((minute) => Object.keys(minute)));
  const told = [...names].filter((name) => name.startsWith('combined') || name === 'temporal').toSorted();
  return told.map((name) => `${name} ${rounded(minutes.flatMap((minute) => minute[name] ?? []))}`).join(', ');
}

/** The median of milliseconds or MiB, of which the fractions do not matter. */
function rounded(values: readonly number[]): number {
  return Math.round(medianOf(values) ?? 0);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function figureRows(run: ChaosReport): string[][] {
  const { orders, faults, kinds, settled } = run;
  const isSettled = Object.keys(settled.left).length === 0;
  const rest = isSettled ? `${settled.seconds.toFixed(1)} s` : 'not all';
  return [
    ['orders', thousands(TARGETS.orders), thousands(orders), verdict(orders >= TARGETS.orders)],
    ['faults', `${TARGETS.faults}`, `${faults}`, verdict(faults >= TARGETS.faults)],
    ['kinds of faults', `${TARGETS.kinds}`, `${kinds}`, verdict(kinds >= TARGETS.kinds)],
    violationsRow(run),
    ['everything at rest after the last heal', `${TARGETS.restSeconds} s`, rest, verdict(isSettledInTime(run))],
  ];
}

function violationsRow({ violations }: ChaosReport): string[] {
  return ['violations', '0', thousands(violations), verdict(violations === 0)];
}

function killRows({ recovery }: ChaosReport): string[][] {
  const killed = worstOf(recovery, ['kill at worker', 'kill at combined'], ({ fromBegin }) => fromBegin?.p99);
  const restarted = worstOf(recovery, ['kill-everything'], ({ fromHeal }) => fromHeal?.max);
  return [
    timeRow('order of a killed worker at rest, p99, from the kill', TARGETS.killSeconds, killed),
    timeRow(`everything killed: longest of ${ordersOf(recovery)} from the restart`, TARGETS.restartSeconds, restarted),
  ];
}

function ordersOf(recovery: readonly Recovery[]): string {
  const count = recovery.find(({ kind }) => kind === 'kill-everything')?.orders ?? 0;
  return `${count} ${count === 1 ? 'order' : 'orders'}`;
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'missed';
}

function timeRow(name: string, requiredSeconds: number, measuredMs: number | null): string[] {
  if (measuredMs === null) return [name, `${requiredSeconds} s`, 'no such order', 'missed'];
  const isMet = measuredMs <= requiredSeconds * 1_000;
  return [name, `${requiredSeconds} s`, toSeconds(measuredMs), verdict(isMet)];
}

/** The largest value over the kinds; null without one. */
function worstOf(
  recovery: readonly Recovery[],
  kinds: readonly string[],
  value: (of: Recovery) => number | undefined,
): number | null {
  const values = recovery.filter(({ kind }) => kinds.includes(kind)).flatMap((of) => value(of) ?? []);
  return values.length === 0 ? null : Math.max(...values);
}

function recoveryRow({ kind, faults, orders, fromHeal }: Recovery): string[] {
  const seconds = fromHeal === null ? ['-', '-', '-'] : [fromHeal.p50, fromHeal.p99, fromHeal.max].map(toSeconds);
  return [kind, String(faults), thousands(orders), ...seconds];
}

function toSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function plantsText(results: PlantFigures | null): string {
  if (results === null) return '';
  const caught = results.plants.filter(({ caughtBy }) => caughtBy !== null).length;
  return ` The last run, ${results.at.slice(0, 10)}: ${caught} of ${results.plants.length} found.`;
}

function plantRows(results: PlantFigures | null): string[][] {
  return Object.entries(PLANTS).map(([name, { title }]) => {
    const result = results?.plants.find(({ plant }) => plant === name);
    if (result === undefined) return [name, title, 'not run'];
    return [name, title, result.caughtBy === null ? 'no' : `seed ${result.caughtBy}`];
  });
}

function thousands(value: number): string {
  return value.toLocaleString('en-US');
}
