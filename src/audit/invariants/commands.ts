import type { AuditedCommand, AuditedOperation } from '../../../db/repositories/audit/audit-repository.ts';
import { isExternal } from '../../domain/payments/payment.ts';
import type { OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/**
 * I14: every accepted command was carried out with its accepted amount, or is known to have failed; no two commands
 * share an effect. A command that owns its order is still running.
 */
export function checkCommands({ order, commands, operations }: OrderFacts): Finding {
  const promised = commands.filter(
    ({ commandId, kind, decision }) =>
      decision === 'accepted' && (kind === 'capture' || kind === 'refund') && commandId !== order?.ownerCommandId,
  );
  if (promised.length === 0) return NOT_APPLICABLE;
  const problems = promised.flatMap((command) => problemsOf(command, operations));
  const numbers = promised.map(({ kind, generation }) => `${kind}:${generation}`);
  const twice = numbers.filter((number, index) => numbers.indexOf(number) !== index);
  return { checked: promised.length, problems: [...problems, ...twice.map((number) => `two commands are ${number}`)] };
}

function problemsOf(
  { commandId, kind, generation, amountMinor }: AuditedCommand,
  operations: readonly AuditedOperation[],
): string[] {
  const effect = operations.find((operation) => operation.kind === kind && operation.generation === generation);
  const what = `the ${kind} of ${amountMinor} that ${commandId} was promised`;
  if (effect === undefined) return [`${what} is not in the books`];
  if (effect.state !== 'SUCCEEDED' && effect.state !== 'FAILED') return [`${what} is ${effect.state}`];
  const doneMinor = effect.state === 'FAILED' ? 0 : effect.amountMinor;
  if (isExplained(kind, (amountMinor ?? doneMinor) - doneMinor, operations)) return [];
  if (effect.state === 'FAILED') return kind === 'capture' ? [] : [`${what} has failed`];
  return [`${what} was done with ${effect.amountMinor}`];
}

/** Money that was moved at the provider itself was no longer there for the command to move. */
function isExplained(
  wanted: AuditedCommand['kind'],
  missingMinor: number,
  operations: readonly AuditedOperation[],
): boolean {
  const outsideMinor = operations
    .filter((operation) => operation.kind === wanted && isExternal(operation))
    .reduce((sum, operation) => sum + operation.amountMinor, 0);
  return missingMinor >= 0 && missingMinor <= outsideMinor;
}
