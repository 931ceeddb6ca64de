import type { CommandDecision, OrderOwnership, Turn } from '../../domain/command.ts';
import type { CommandRule } from '../../domain/command-rule.ts';
import type { Refusal } from '../../domain/order.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import type { MoneySums } from '../../domain/payments/payment.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { FirstPass } from './fast-path.ts';
import type { OrderCommands, PendingCommand } from './command-mailbox.ts';
import type { Saga } from '../steps/saga.ts';
import type { Steps } from '../steps/step-runner.ts';

/** What one order is carried with. */
export interface Carriage {
  readonly input: OrderWorkflowInput;
  readonly steps: Steps;
  readonly commands: OrderCommands;
  readonly saga: Saga;
  readonly firstPass: FirstPass;
  /** What a cancel must promise: from the first money call on, money may be taken. */
  mayBeCharged: boolean;
  /** Steps of the part that can be given up; a conflict is judged by what is stored, and parks when that explains nothing. */
  readonly ways: { judgesConflicts: boolean };
  /** The command that owns the order, or the decision that it expires; null while it is on its own way. */
  owner: Ownership | null;
  /** By hand: the capture that sells the order. */
  capture: OrderOwnership | null;
  /** What an undo of the payment left; null when a worker of an earlier version made it. */
  money: MoneySums | null;
}

/** Who moves the order's money now. The decision that an order expires is no command, and has no id. */
export type Ownership = Pick<OrderOwnership, 'turn' | 'generation'> & { readonly commandId: string | null };

/** An operator has given the order up. */
export const ABORTED: Fulfilment = { kind: 'refused', refusal: { reason: 'operator_aborted', details: null } };

/** How far an order has come, and what is to be done. */
export type Fulfilment =
  | { readonly kind: 'paid'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'cancelled' | 'expired' }
  /** A run that was forgotten has brought the order to its end. */
  | { readonly kind: 'ended'; readonly status: OrderStatus; readonly totalMinor: number | null };

/** By key, whether or not this run remembers the effect: one that was forgotten may still land. */
export function undoEverything(carriage: Carriage): void {
  const { input, steps, saga } = carriage;
  saga.undoWith('hold', () => releaseStock(input, steps));
  saga.undoWith('payment', () => undoCharge(carriage));
}

/** Undo of the order's own payment. */
export async function undoCharge(carriage: Carriage): Promise<void> {
  carriage.money = await undoPayment(carriage.input, carriage.steps, carriage.owner, carriage.ways);
}

type OfOrder = Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'request'>;

/** Undo of the hold. */
export async function releaseStock({ orderId, tenantId, request }: OfOrder, steps: Steps): Promise<void> {
  await steps.run('releaseStock', { orderId, tenantId, lines: request.lines });
}

/**
 * Undo of the payment in the turn of whoever owns the order; two people may prove that it was paid back outside. Answers
 * the sums after it, null when a worker of an earlier version made it.
 */
export async function undoPayment(
  { orderId, tenantId, request }: OfOrder,
  steps: Steps,
  owner: Ownership | null,
  ways: { readonly judgesConflicts?: boolean } = {},
): Promise<MoneySums | null> {
  const { currency } = request;
  const account = { orderId, tenantId, currency, ...turnOf(owner) };
  const refundGeneration = owner?.generation ?? 1;
  const sums = await steps.run(
    'undoPayment',
    { ...account, refundGeneration, ...chargeKindOf(request) },
    {
      ...ways,
      force: async ({ evidence }) => {
        const paidBack = { ...account, generation: refundGeneration, amountMinor: null };
        return steps.run('recordEvidence', { ...paidBack, evidence: evidence ?? '' });
      },
    },
  );
  return sums ?? null;
}

/** What a step proves its ownership by. */
export function turnOf(owner: Ownership | null): { turn?: Turn } {
  return owner === null ? {} : { turn: { commandId: owner.commandId ?? 'expiry', turn: owner.turn } };
}

/** By hand, a payment is authorized first. */
export function chargeKindOf({ captureMode }: OrderWorkflowInput['request']): { chargeKind?: 'authorize' } {
  return captureMode === 'manual' ? { chargeKind: 'authorize' } : {};
}

/** Decides a command by what is stored; a command that was decided before keeps its answer. */
export async function decide(
  { orderId, tenantId }: OrderWorkflowInput,
  steps: Steps,
  command: PendingCommand,
  rule: CommandRule,
): Promise<CommandDecision> {
  const decided = await steps.run('decideCommand', { command: { ...command, orderId, tenantId }, rule });
  return decided?.decision ?? rule.refused;
}
