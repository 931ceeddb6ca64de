import type { AuditedOperation } from '../../../db/repositories/audit/audit-repository.ts';
import { EVIDENCE_PREFIX, isExternal } from '../../domain/payments/payment.ts';
import { isInMotion, type LedgerEntry, type OrderFacts } from '../facts.ts';
import type { Finding } from './finding.ts';

/**
 * I6: the provider's ledger and the operations with a definite result are the same rows. While an order is in motion,
 * or awaits its capture, the provider may be ahead of the books, but never behind. Without a ledger nothing is checked.
 */
export function checkLedger(facts: OrderFacts): Finding {
  const { orderId, operations, ledger, order } = facts;
  if (ledger === null) return { checked: 0, problems: [] };
  const mayBeAhead = isInMotion(facts) || order?.status === 'AWAITING_CAPTURE';
  const entries = new Map(ledger.map((entry) => [entry.key, entry]));
  const definite = operations.filter(
    // Refunds outside of the provider that two people have proved are not in the provider's ledger.
    ({ state, providerRef }) =>
      (state === 'SUCCEEDED' || state === 'DECLINED') && providerRef?.startsWith(EVIDENCE_PREFIX) !== true,
  );
  const problems = definite.flatMap((operation) => {
    const key = ledgerKeyOf(operation);
    const entry = entries.get(key);
    entries.delete(key);
    if (entry === undefined) return [`the books have ${rowOf(operation)}, the ledger has not`];
    // If a softly declined key is tried again, the provider has the success first.
    if (mayBeAhead && operation.state === 'DECLINED') return [];
    return rowOf({ ...operation, key }) === rowOf(entry)
      ? []
      : [`the books have ${rowOf(operation)}, the ledger has ${rowOf(entry)}`];
  });
  if (!mayBeAhead) {
    const unbooked = [...entries.values()].map((entry) => `the ledger has ${rowOf(entry)}, the books have not`);
    problems.push(...unbooked, ...sumProblems(ledger, definite));
  }
  const strange = operations.filter(({ key }) => !key.startsWith(`${orderId}:`));
  problems.push(...strange.map(({ key }) => `the operation ${key} is not under a key of this order`));
  return { checked: definite.length + entries.size, problems };
}

/** The provider and the books have the same amount left of an order's money. */
function sumProblems(ledger: readonly LedgerEntry[], definite: readonly AuditedOperation[]): string[] {
  const [there, here] = [leftOf(ledger), leftOf(definite)];
  return there === here ? [] : [`the provider has ${there} left of it, the books ${here}`];
}

function leftOf(rows: readonly Pick<LedgerEntry, 'kind' | 'amountMinor' | 'state'>[]): number {
  const signs: Readonly<Record<string, number>> = { sale: 1, capture: 1, refund: -1 };
  return rows
    .filter(({ state }) => state === 'SUCCEEDED')
    .reduce((left, { kind, amountMinor }) => left + (signs[kind] ?? 0) * amountMinor, 0);
}

/** The provider's ledger has movements that were made at the provider itself under its own reference. */
function ledgerKeyOf(operation: AuditedOperation): string {
  return isExternal(operation) ? (operation.providerRef ?? operation.key) : operation.key;
}

function rowOf({ key, kind, amountMinor, currency, state }: LedgerEntry | AuditedOperation): string {
  return `${key} (${kind} ${amountMinor} ${currency} ${state})`;
}
