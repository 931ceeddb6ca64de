import type { HistoryEntry } from '../history.ts';
import { violation, type RunFacts, type Violation } from './facts.ts';
import { kindsByKey } from './ends.ts';

const COMMANDS = new Set(['cancel', 'capture', 'refund']);

/** Decisions that promise the end of the order. */
const PROMISES = new Set(['will_cancel', 'will_refund']);

/** A command keeps its first decision, and what it was promised is done. */
export function checkCommands(facts: RunFacts): Violation[] {
  const told = facts.entries.filter(({ op, type, data }) => COMMANDS.has(op) && type === 'ok' && isDecided(data));
  const byKey = Map.groupBy(told, ({ key }) => key ?? '');
  const changed = [...byKey].flatMap(([key, answers]) => {
    const decisions = new Set(answers.map(({ data }) => data['decision']));
    return decisions.size > 1
      ? [violation('commands', key, `it was answered with ${[...decisions].join(' and ')}`)]
      : [];
  });
  const firsts = [...byKey.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
  return [...changed, ...firsts.flatMap((first) => checkPromise(facts, first)), ...checkRefunds(facts, firsts)];
}

function isDecided(data: HistoryEntry['data']): boolean {
  return data['decision'] !== undefined && data['decision'] !== 'pending';
}

function checkPromise({ orders }: RunFacts, { op, order, data }: HistoryEntry): Violation[] {
  if (op !== 'cancel' || order === null || !PROMISES.has(String(data['decision']))) return [];
  const status = orders.get(order)?.status;
  if (status === 'CANCELLED') return [];
  return [violation('commands', order, `a cancel was answered ${String(data['decision'])}, and it is ${status}`)];
}

/** The provider has paid back at least the parts that clients were promised. */
function checkRefunds(facts: RunFacts, answers: readonly HistoryEntry[]): Violation[] {
  const kinds = kindsByKey(facts.entries);
  const refunds = Map.groupBy(
    answers.filter(({ op, data }) => op === 'refund' && data['amountMinor'] !== undefined),
    ({ order }) => order ?? '',
  );
  return [...refunds].flatMap(([orderId, given]) => {
    // What a card cannot take is paid back in another way, of which the provider knows nothing.
    if (kinds.get(facts.orders.get(orderId)?.key ?? '') === 'refund_fails') return [];
    const promised = given.reduce((sum, { data }) => sum + Number(data['amountMinor']), 0);
    const paid = (facts.ledger.get(orderId) ?? [])
      .filter(({ kind }) => kind === 'refund')
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    if (paid >= promised) return [];
    return [violation('commands', orderId, `refunds of ${promised} were accepted, the provider has paid ${paid}`)];
  });
}
