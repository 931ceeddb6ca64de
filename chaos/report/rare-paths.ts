import type { RunFacts } from '../checker/facts.ts';
import type { HistoryEntry } from '../history.ts';

/** How often the run came to courses that a quiet system never takes. */
export type RarePaths = Readonly<Record<string, number>>;

/** Courses that every run must reach, however short, or it has tested too little. */
const REQUIRED_ALWAYS = [
  'payment declined',
  'sold out',
  'same key sent again and answered alike',
  'other body under a used key refused',
  'malformed request refused',
  'order of another tenant not found',
  'unknown answer of the provider',
  'ambiguous charge adopted',
  'cancel won',
  'authorization captured in parts',
  'refund paid',
  'case decided by an operator',
  'event with wrong content given up',
  'event sent again and dropped',
] as const;

/** Courses that a long run must reach as well. */
const REQUIRED_OF_FULL = [
  'post repeated after no answer, and accepted',
  'cancel lost',
  'command kept out by another one',
  'tombstone left for a late hold',
  'case given up by an operator',
  'case tried again by an operator',
  'case tried with another payment method',
  'case proved by two persons',
  'cases redriven together',
  'money moved at the provider itself',
  'event replayed',
  'event given another chance',
  'webhook tried again',
  'service said 503',
] as const;

/** Counts the rare courses of a run. */
export function countRarePaths(facts: RunFacts): RarePaths {
  return { ...ofClients(facts.entries), ...ofOrders(facts), ...ofPeople(facts), ...facts.counts };
}

/** The courses that a run of the profile should have reached and has not. */
export function missingPaths(paths: RarePaths, profile: 'ci' | 'full'): string[] {
  const required = profile === 'full' ? [...REQUIRED_ALWAYS, ...REQUIRED_OF_FULL] : REQUIRED_ALWAYS;
  return required.filter((name) => (paths[name] ?? 0) === 0);
}

function ofClients(entries: readonly HistoryEntry[]): Record<string, number> {
  const count = (test: (entry: HistoryEntry) => boolean): number => entries.filter(test).length;
  const told = ({ data }: HistoryEntry, field: string): number => Number(data[field] ?? 0);
  const creates = entries.filter(({ op, data }) => op === 'create' && data['body'] === 'first');
  const byKey = [...Map.groupBy(creates, ({ key }) => key).values()];
  const accepted = byKey.map((lines) => lines.filter(({ type }) => type === 'ok').length);
  const eventIds = entries.filter(({ op, type }) => (op === 'event' || op === 'events') && type === 'ok');
  return {
    'same key sent again and answered alike': accepted.filter((answers) => answers > 1).length,
    'post repeated after no answer, and accepted': byKey.filter((lines) => isRepeated(lines)).length,
    'other body under a used key refused': count(
      ({ op, status, data }) => op === 'create' && data['body'] === 'other' && status === 422,
    ),
    'malformed request refused': count(({ op, type }) => op === 'poison' && type === 'fail'),
    'order of another tenant not found': count(({ op, status }) => op === 'spy' && status === 404),
    'command kept out by another one': count(({ data }) => data['code'] === 'order_busy'),
    'service said 503': count(({ status }) => status === 503),
    'request without an answer': count(({ type, status }) => type === 'info' && status === null),
    'event sent again and dropped': eventIds.length - new Set(eventIds.map(({ data }) => firstId(data))).size,
    'event given another chance': entries.reduce((sum, entry) => sum + told(entry, 'reprocessed'), 0),
    'event replayed': entries.reduce((sum, entry) => sum + told(entry, 'replayed'), 0),
    'cases redriven together': count(({ op, type }) => op === 'redrive' && type === 'ok'),
  };
}

function isRepeated(lines: readonly HistoryEntry[]): boolean {
  return lines.some(({ type }) => type === 'info') && lines.some(({ type }) => type === 'ok');
}

function firstId(data: HistoryEntry['data']): string {
  const [first] = data['sent'] as readonly { readonly id: string }[];
  return first?.id ?? '';
}

function ofOrders({ orders, commands, ledger, events, deliveries, received }: RunFacts): Record<string, number> {
  const all = [...orders.values()];
  const given = [...commands.values()].flat();
  const entries = [...ledger.values()];
  const taken = received.filter(({ answered }) => answered >= 200 && answered < 300);
  return {
    'sold out': all.filter(({ reason }) => reason === 'out_of_stock').length,
    'payment declined': all.filter(({ reason }) => reason === 'payment_declined').length,
    'cancel won': given.filter(({ kind, decision }) => kind === 'cancel' && decision.startsWith('will_')).length,
    'cancel lost': given.filter(({ kind, decision }) => kind === 'cancel' && decision === 'too_late').length,
    'authorization captured in parts': entries.filter((of) => of.filter(({ kind }) => kind === 'capture').length > 1)
      .length,
    'refund paid': entries.filter((of) => of.some(({ kind }) => kind === 'refund')).length,
    'void left a tombstone': entries.flat().filter(({ kind, amountMinor }) => kind === 'void' && amountMinor === 0)
      .length,
    'event with wrong content given up': [...events.values()].filter(({ failed }) => failed === 'invalid_event').length,
    'webhook tried again': deliveries.filter(({ attempts }) => attempts > 1).length,
    'webhook arrived twice': taken.length - new Set(taken.map(({ id }) => id)).size,
  };
}

function ofPeople({ decisions, cases }: RunFacts): Record<string, number> {
  const done = decisions.filter(({ state }) => state === 'carried_out');
  const by = (action: string): number => done.filter((decision) => decision.action === action).length;
  return {
    'case opened': cases.length,
    'case decided by an operator': done.length,
    'case tried again by an operator': by('retry'),
    'case tried with another payment method': by('retryWith'),
    'case given up by an operator': by('abort'),
    'case proved by two persons': by('forceResolve'),
  };
}
