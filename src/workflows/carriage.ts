import type { Activities } from '../activities/index.ts';
import type { CommandDecision } from '../domain/command.ts';
import type { Refusal } from '../domain/order.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import type { OrderWorkflowInput } from './contract.ts';
import type { FirstPass } from './first-pass.ts';
import type { OrderCommands, PendingCommand } from './order-commands.ts';
import type { Saga } from './saga.ts';
import type { Steps } from './step.ts';

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
}

/** How far an order has come, and what is to be done. */
export type Fulfilment =
  | { readonly kind: 'paid'; readonly totalMinor: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'cancelled' | 'expired' }
  /** A run that was forgotten has brought the order to its end. */
  | { readonly kind: 'ended'; readonly status: OrderStatus };

/** By key, whether or not this run remembers the effect: one that was forgotten may still land. */
export function undoEverything({ input, steps, saga }: Carriage): void {
  saga.undoWith('hold', () => releaseStock(input, steps));
  saga.undoWith('payment', () => undoPayment(input, steps));
}

type OfOrder = Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'request'>;

/** Undo of the hold. */
export async function releaseStock({ orderId, tenantId, request }: OfOrder, steps: Steps): Promise<void> {
  await steps.run('releaseStock', { orderId, tenantId, lines: request.lines });
}

/** Undo of the payment, by the order's refund of a number; two people may prove that it was paid back outside. */
export async function undoPayment(
  { orderId, tenantId, request }: OfOrder,
  steps: Steps,
  refundGeneration = 1,
): Promise<void> {
  const { currency } = request;
  const charge = { orderId, tenantId, currency, refundGeneration, ...chargeKindOf(request) };
  await steps.run('undoPayment', charge, {
    force: async ({ evidence }) => {
      const paidBack = { orderId, tenantId, currency, generation: refundGeneration, amountMinor: null };
      await steps.run('recordEvidence', { ...paidBack, evidence: evidence ?? '' });
    },
  });
}

/** By hand, a payment is authorized first. */
export function chargeKindOf({ captureMode }: OrderWorkflowInput['request']): { chargeKind?: 'authorize' } {
  return captureMode === 'manual' ? { chargeKind: 'authorize' } : {};
}

type CommandRule = Parameters<Activities['decideCommand']>[0]['rule'];

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
