import { isTerminal, type OrderStatus } from '../../src/domain/order-status.ts';
import type { HistoryEntry } from '../history.ts';
import { violation, type RunFacts, type Violation } from './facts.ts';

/** What an operation may be refused with; everything else that is definite is wrong. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  create: [422],
  read: [],
  spy: [404],
  poison: [400, 413, 415, 422],
  event: [],
  events: [],
  cancel: [409],
  capture: [409, 422],
  refund: [409, 422],
  resolve: [404, 409, 422],
  subscribe: [],
  cases: [],
  redrive: [404, 409, 422],
  reprocess: [],
  replay: [],
  redeliver: [404, 409],
  reconcile: [404, 409, 422],
};

/** A service that cannot do something says 503 and when to come again; anything else above 499 is a mistake. */
const UNAVAILABLE = 503;

/** Every answer is one that the documentation knows, and nobody sees an order of another tenant. */
export function checkAnswers({ entries }: RunFacts): Violation[] {
  return entries.flatMap((entry) => {
    const { op, who, key, order, status } = entry;
    const problem = status === null || entry.type === 'invoke' ? null : problemOf(entry, status);
    return problem === null ? [] : [violation('answers', order ?? key ?? who, `${who} ${op}: ${problem}`)];
  });
}

function problemOf({ op, type, data }: HistoryEntry, status: number): string | null {
  const told = `${status}${typeof data['code'] === 'string' ? ` ${data['code']}` : ''}`;
  if (status >= 500) return status === UNAVAILABLE ? null : told;
  if (op === 'spy') return type === 'ok' ? 'another tenant has read the order' : refusalProblem(op, type, told);
  if (op === 'poison') return type === 'ok' ? `it was taken with ${told}` : refusalProblem(op, type, told);
  // The first body under a key is always a good one.
  if (op === 'create' && type === 'fail' && data['body'] === 'first') return told;
  return refusalProblem(op, type, told);
}

function refusalProblem(op: string, type: HistoryEntry['type'], told: string): string | null {
  const expected = EXPECTED[op];
  if (type !== 'fail' || expected === undefined) return null;
  return expected.some((status) => told.startsWith(String(status))) ? null : told;
}

/** What one client reads of an order never goes backwards, and a terminal status never changes. */
export function checkReads({ entries }: RunFacts): Violation[] {
  const reads = entries.filter(({ op, type, order }) => op === 'read' && type === 'ok' && order !== null);
  const byReader = Map.groupBy(reads, ({ who, order }) => `${who} ${order}`);
  return [...byReader.values()].flatMap((lines) => lines.flatMap((line, index) => stepBack(lines[index - 1], line)));
}

function stepBack(before: HistoryEntry | undefined, after: HistoryEntry): Violation[] {
  if (before === undefined) return [];
  const [from, to] = [seen(before), seen(after)];
  const subject = String(after.order);
  if (from.id !== to.id) return [violation('reads', subject, `it was answered with the order ${to.id}`)];
  if (to.version < from.version) {
    return [violation('reads', subject, `version ${to.version} was read after version ${from.version}`)];
  }
  if (isTerminal(from.status) && to.status !== from.status) {
    return [violation('reads', subject, `${to.status} was read after ${from.status}`)];
  }
  return [];
}

function seen({ data }: HistoryEntry) {
  return { id: String(data['id']), version: Number(data['version']), status: data['status'] as OrderStatus };
}
