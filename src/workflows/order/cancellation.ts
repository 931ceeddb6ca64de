import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { CommandDecision } from '../../domain/command.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import { assertNever } from '../../domain/errors.ts';
import { StepAbortedError, StepConflictError } from '../steps/step-runner.ts';
import type { Compensations } from './compensations.ts';
import { ABORTED, type OrderState, type SaleResult } from './order-state.ts';
import type { Recovery } from './recovery.ts';

interface CancellationParts {
  readonly order: OrderState;
  readonly recovery: Pick<Recovery, 'followStored'>;
  readonly undo: Pick<Compensations, 'registerAll'>;
}

/**
 * Runs the part of an order that can be cancelled. A cancel interrupts it at any wait, because every request that was
 * sent can be undone by its key. An operator's abort refuses the order.
 */
export async function runCancellable(parts: CancellationParts, work: () => Promise<SaleResult>): Promise<SaleResult> {
  const { order } = parts;
  for (;;) {
    const worked = await untilCancelAsked(parts, () => withStoredRefusal(order, work));
    const result = worked.kind === 'interrupted' ? await cancelOrFollow(parts) : worked.result;
    if (result !== null) return result;
  }
}

type Worked =
  /**
   * The work has ended, or the stored order shows its end. Null: the work must be done again, and conflicts then open a
   * case.
   */
  { readonly kind: 'worked'; readonly result: SaleResult | null } | { readonly kind: 'interrupted' };

/** Runs the work until it ends or a cancel waits. A cancel that waits already comes first. */
async function untilCancelAsked(parts: CancellationParts, work: () => Promise<SaleResult>): Promise<Worked> {
  const { commands } = parts.order;
  const scope = new CancellationScope({ cancellable: true });
  const watch = new CancellationScope({ cancellable: true });
  const watching = watch
    .run(() => condition(() => commands.next('cancel') !== null))
    .then(
      () => scope.cancel(),
      () => {},
    );
  try {
    if (commands.next('cancel') !== null) return { kind: 'interrupted' };
    return { kind: 'worked', result: await scope.run(work) };
  } catch (error) {
    if (isCancellation(error)) return { kind: 'interrupted' };
    return { kind: 'worked', result: await recover(parts, error) };
  } finally {
    watch.cancel();
    await watching;
  }
}

/** Turns an abort into a refusal, and follows a conflict if the stored order explains it. */
async function recover(parts: CancellationParts, error: unknown): Promise<SaleResult | null> {
  if (!(error instanceof StepAbortedError)) return followConflict(parts, error);
  try {
    return await withStoredRefusal(parts.order, () => Promise.resolve({ kind: 'refused', refusal: ABORTED }));
  } catch (conflict) {
    // A run that was forgotten may have sold the order.
    return followConflict(parts, conflict);
  }
}

async function followConflict({ order, recovery }: CancellationParts, error: unknown): Promise<SaleResult | null> {
  if (!(error instanceof StepConflictError)) throw error;
  const stored = await recovery.followStored();
  if (stored === null) order.onConflict = 'park';
  return stored;
}

/** A refusal is stored before anything is undone, so that a rerun undoes for the same reason. */
async function withStoredRefusal(order: OrderState, work: () => Promise<SaleResult>): Promise<SaleResult> {
  const result = await work();
  if (result.kind !== 'refused') return result;
  const { input, steps, onConflict } = order;
  const stored = { orderId: input.orderId, refusal: result.refusal };
  return { kind: 'refused', refusal: await steps.run('recordRefusal', stored, { onConflict }) };
}

/** Null when the order continues. */
async function cancelOrFollow({ order, recovery, undo }: CancellationParts): Promise<SaleResult | null> {
  switch (await decideCancels(order)) {
    case 'cancelled':
      undo.registerAll();
      return { kind: 'cancelled' };
    case 'sold':
    case 'owned':
      return recovery.followStored();
    case 'kept':
      return null;
  }
}

/**
 * Decides the cancels that wait. `sold`: the order was already confirmed by a run whose history was lost; the cancel is
 * still allowed, as a command after closing. `owned`: a command that this run has forgotten owns the order, and goes
 * first.
 */
async function decideCancels(order: OrderState): Promise<'cancelled' | 'kept' | 'sold' | 'owned'> {
  const { input, steps, commands, mayBeCharged } = order;
  const { orderId, tenantId } = input;
  const name = mayBeCharged ? 'cancel_before_sale' : 'cancel_before_payment';
  let decision: 'cancelled' | 'kept' | 'owned' = 'kept';
  for (let command = commands.next('cancel'); command !== null; command = commands.next('cancel')) {
    const asked = { ...command, orderId, tenantId };
    const decided = await steps.run('decideCommand', { command: asked, rule: { kind: 'apply', name } });
    if (decided === null) return 'sold';
    if (decided.decision === 'busy') return 'owned';
    const cancels = isCancelled(decided.decision);
    commands.reply(command, decided.decision);
    if (!cancels) continue;
    const owner = ownershipOf(command, decided);
    order.owner = owner ?? order.owner;
    // If no command owns the order, the cancel has joined one that this run has forgotten.
    decision = order.owner === null ? 'owned' : 'cancelled';
  }
  return decision;
}

/** Whether the answer to a cancel undoes the order. An answer that this build does not know undoes nothing. */
function isCancelled(decision: Exclude<CommandDecision, 'busy'>): boolean {
  switch (decision) {
    case 'will_cancel':
    case 'will_refund':
    case 'accepted':
      return true;
    case 'too_late':
    case 'amount_exceeds_authorized':
    case 'amount_exceeds_captured':
    case 'capture_not_supported':
    case 'books_agree':
      return false;
    default:
      return assertNever(decision);
  }
}
