import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../checker/check.ts';
import { REST_WITHIN_MS } from '../checker/liveness.ts';
import type { Violation } from '../checker/facts.ts';
import type { Settled } from '../checker/settle.ts';
import { availableKinds } from '../faults/catalog.ts';
import { faultsOf, type HistoryEntry } from '../history.ts';
import type { Profile } from '../options.ts';
import type { Samples } from '../samplers/samplers.ts';
import { countRarePaths, missingPaths, type RarePaths } from './rare-paths.ts';
import { measureRecovery, type Recovery } from './recovery.ts';

/** What a run was asked to do. */
export interface RunSettings {
  readonly profile: Profile;
  readonly seed: number;
  readonly orders: number;
  readonly perSecond: number;
  readonly topology: string;
  /** Faults in the plan. */
  readonly planned: number;
  /** The only kinds of faults that were played; null for all. */
  readonly only: readonly string[] | null;
  /** The planted bug; null for the code as it is. */
  readonly plant: string | null;
}

/** Everything that a run has shown, as it is written to `report.json`. */
export interface ChaosReport extends RunSettings {
  /** RFC 3339. */
  readonly at: string;
  readonly commit: string | null;
  /** The commit of the checks, if they have judged the run again. */
  readonly judgedBy?: string | null;
  readonly seconds: number;
  /** Keys that a client has the 202 of. */
  readonly accepted: number;
  /** Orders by status and reason. */
  readonly ends: Readonly<Record<string, number>>;
  /** Commands by kind and decision. */
  readonly commands: Readonly<Record<string, number>>;
  readonly events: { readonly acknowledged: number; readonly processed: number; readonly failed: number };
  readonly webhooks: { readonly deliveries: number; readonly arrived: number };
  readonly mails: { readonly messages: number; readonly arrived: number };
  readonly requests: { readonly sent: number; readonly answered: number; readonly refused503: number };
  readonly faults: number;
  readonly kinds: number;
  readonly recovery: readonly Recovery[];
  /** Seconds from the last heal until nothing was under way. */
  readonly settled: Settled;
  readonly rarePaths: RarePaths;
  readonly samples: Samples;
  /** How many things each invariant of the audit was checked on. */
  readonly audited: Readonly<Record<string, number>>;
  readonly violations: number;
  /** By check. */
  readonly violationsBy: Readonly<Record<string, number>>;
  /** The first of each check. */
  readonly examples: readonly Violation[];
  /** What the run should have reached and has not; a run with an entry has failed. */
  readonly missed: readonly string[];
}

/** The parts of a finished run. */
export interface FinishedRun {
  readonly settings: RunSettings;
  /** When it ended, RFC 3339. */
  readonly at: string;
  /** The commit that was run. */
  readonly commit: string | null;
  readonly seconds: number;
  readonly check: Check;
  readonly settled: Settled;
  readonly samples: Samples;
}

/** Violations of one check that are told one by one. */
const EXAMPLES_MAX = 10;

/** Puts the report together. */
export function makeReport({ settings, at, commit, seconds, check, settled, samples }: FinishedRun): ChaosReport {
  const { facts, violations, audit } = check;
  const faults = faultsOf(facts.entries);
  const rarePaths = countRarePaths(facts);
  const events = [...facts.events.values()];
  const byCheck = Map.groupBy(violations, (violation) => violation.check);
  return {
    ...settings,
    at,
    commit,
    seconds: Math.round(seconds),
    accepted: new Set(facts.entries.flatMap(acceptedKey)).size,
    ends: tally([...facts.orders.values()].map(({ status, reason }) => [status, reason].filter(Boolean).join(' '))),
    commands: tally([...facts.commands.values()].flat().map(({ kind, decision }) => `${kind} ${decision}`)),
    events: {
      acknowledged: events.length,
      processed: events.filter(({ processed }) => processed > 0).length,
      failed: events.filter(({ failed }) => failed !== null).length,
    },
    webhooks: { deliveries: facts.deliveries.length, arrived: facts.received.length },
    mails: { messages: facts.messages.length, arrived: facts.mails.length },
    requests: countRequests(facts.entries),
    faults: faults.length,
    kinds: new Set(faults.map(({ kind }) => kind)).size,
    recovery: measureRecovery(facts),
    settled,
    rarePaths,
    samples,
    audited: audit.checked,
    violations: violations.length,
    violationsBy: Object.fromEntries([...byCheck].map(([name, found]) => [name, found.length])),
    examples: [...byCheck.values()].flatMap((found) => found.slice(0, EXAMPLES_MAX)),
    missed: [
      ...(settings.only === null ? missingPaths(rarePaths, settings.profile) : []),
      ...missingFaults(settings, faults),
    ],
  };
}

/** Whether every promise was kept, and enough was tried for that to mean something. */
export function hasPassed(report: Pick<ChaosReport, 'violations' | 'missed' | 'settled'>): boolean {
  return report.violations === 0 && report.missed.length === 0 && isSettledInTime(report);
}

/** Everything is at rest this long after the last heal. */
export const SETTLED_WITHIN_SECONDS = REST_WITHIN_MS / 1_000;

/** Whether everything came to rest, and in time. */
export function isSettledInTime({ settled }: Pick<ChaosReport, 'settled'>): boolean {
  return Object.keys(settled.left).length === 0 && settled.seconds <= SETTLED_WITHIN_SECONDS;
}

/** Writes `report.json` and `report.txt`, and returns the text. */
export async function writeReport(report: ChaosReport, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const text = formatReport(report);
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, 'report.txt'), `${text}\n`);
  return text;
}

/** The report for people. */
export function formatReport(report: ChaosReport): string {
  const { seed, commit, profile, orders, accepted, faults, kinds, violations, settled, missed, seconds } = report;
  const lists = { ends: report.ends, commands: report.commands, 'rare paths': report.rarePaths };
  const found = Object.entries(report.violationsBy).map(([name, count]) => `${name} ${count}`);
  return [
    `orders=${orders} accepted=${accepted} faults=${faults}/${kinds} kinds violations=${violations} settled=${settled.seconds.toFixed(1)}s seconds=${seconds} profile=${profile} seed=${seed} commit=${commit ?? '-'}`,
    ...Object.entries(lists).flatMap(([name, list]) => ['', `${name}:`, ...formatCounts(list)]),
    '',
    'recovery (seconds from the heal, and from the begin: p50, p99, max):',
    ...report.recovery.map(formatRecovery),
    ...Object.entries(settled.left).map(([name, count]) => `still under way: ${name} ${count}`),
    ...missed.map((name) => `not reached: ${name}`),
    ...(violations === 0 ? [] : ['', `violations: ${found.join(', ')}`]),
    ...report.examples.map(({ check, subject, message }) => `  ${check} ${subject}: ${message}`),
    '',
    verdictOf(report),
  ].join('\n');
}

function verdictOf(report: ChaosReport): string {
  if (report.violations > 0) return `BROKEN: ${report.violations} violation(s); --seed ${report.seed} repeats the plan`;
  if (!isSettledInTime(report)) return `LATE: not everything was at rest within ${SETTLED_WITHIN_SECONDS} s`;
  return report.missed.length === 0 ? 'every promise was kept' : 'VACUOUS: the run has reached too little';
}

function formatCounts(counts: Readonly<Record<string, number>>): string[] {
  const sorted = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return sorted.map(([name, count]) => `${String(count).padStart(8)}  ${name}`);
}

function formatRecovery({ kind, faults, orders, fromHeal, fromBegin }: Recovery): string {
  const told = [fromHeal, fromBegin].map((times) =>
    times === null ? '-' : [times.p50, times.p99, times.max].map((ms) => (ms / 1_000).toFixed(1)).join(' '),
  );
  return `${String(faults).padStart(4)} x ${kind.padEnd(36)} ${String(orders).padStart(6)} orders  ${told.join('   ')}`;
}

function acceptedKey({ op, type, key }: HistoryEntry): string[] {
  return op === 'create' && type === 'ok' && key !== null ? [key] : [];
}

function countRequests(entries: readonly HistoryEntry[]): ChaosReport['requests'] {
  const asked = entries.filter(({ op }) => op !== 'fault' && op !== 'stock' && op !== 'healed');
  return {
    sent: asked.filter(({ type }) => type === 'invoke').length,
    answered: asked.filter(({ status }) => status !== null).length,
    refused503: asked.filter(({ status }) => status === 503).length,
  };
}

/** Faults of a plan that could not begin, or kinds that struck too rarely to have shown anything. */
function missingFaults(
  { planned, profile, only }: RunSettings,
  faults: readonly { readonly kind: string }[],
): string[] {
  const least = Math.floor(planned * (1 - FAILED_FAULTS[profile]));
  const few = faults.length < least ? [`${faults.length} of ${planned} faults struck`] : [];
  if (profile === 'ci') return few;
  const strikes = Map.groupBy(faults, ({ kind }) => kind);
  const kinds = only ?? availableKinds().map(({ name }) => name);
  const rare = kinds.flatMap((kind) => {
    const count = strikes.get(kind)?.length ?? 0;
    return count < STRIKES_LEAST ? [`${kind} struck only ${count} time(s)`] : [];
  });
  return [...few, ...rare];
}

/**
 * Share of the planned faults that may find nothing to strike, for example no order in motion, or cannot begin, because
 * another fault is on. A short plan has few faults, so one of them is a large share.
 */
const FAILED_FAULTS: Readonly<Record<Profile, number>> = { full: 0.1, ci: 0.3 };

/** Strikes of each kind in a full run. */
const STRIKES_LEAST = 3;

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The commit of this tree; null outside of a clone. */
export function presentCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  } catch {
    return null;
  }
}
