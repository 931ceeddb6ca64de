import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { Turn } from '../../domain/command.ts';
import type { MoneySums } from '../../domain/payments/payment.ts';
import type { OnConflict, Steps } from '../steps/step-runner.ts';
import type { OrderState, Ownership } from './order-state.ts';
import { chargeKindOf } from './step-inputs.ts';

/** The order whose effects are undone, and the runner of its steps. */
interface UndoneOrder {
  readonly input: Pick<OrderWorkflowInput, 'orderId' | 'tenantId' | 'request'>;
  readonly steps: Steps;
  readonly onConflict: OnConflict;
}

/** The undo steps of an order's own workflow. */
export interface Compensations {
  /** Undoes the hold. */
  releaseStock(): Promise<void>;
  /** Undoes the payment. For a total of 0 the provider was never asked, so there is nothing to give back. */
  returnPayment(totalMinor: number): Promise<void>;
  /**
   * Registers the undo of every effect, even of effects that this run does not remember: an undo works by its key, and a
   * forgotten effect may still take place.
   */
  registerAll(): void;
}

export function createCompensations(order: OrderState): Compensations {
  const returnAll = async (): Promise<void> => {
    order.money = await undoPayment(order, order.owner);
  };
  return {
    releaseStock: () => releaseStock(order),
    returnPayment: async (totalMinor) => {
      if (totalMinor > 0) await returnAll();
    },
    registerAll: () => {
      order.saga.undoWith('hold', () => releaseStock(order));
      order.saga.undoWith('payment', returnAll);
    },
  };
}

/** Undoes the hold. */
export async function releaseStock({ input, steps }: Pick<UndoneOrder, 'input' | 'steps'>): Promise<void> {
  const { orderId, tenantId, request } = input;
  await steps.run('releaseStock', { orderId, tenantId, lines: request.lines });
}

/**
 * Undoes the payment, in the turn of the command that owns the order. Two people may instead prove that it was paid
 * back outside of the provider. Returns the sums after it; null when a worker of an earlier version undid it.
 */
export async function undoPayment(
  { input, steps, onConflict }: UndoneOrder,
  owner: Ownership | null,
): Promise<MoneySums | null> {
  const { orderId, tenantId, request } = input;
  const account = { orderId, tenantId, currency: request.currency, ...turnOf(owner) };
  const refundGeneration = owner?.generation ?? 1;
  const sums = await steps.run(
    'undoPayment',
    { ...account, refundGeneration, ...chargeKindOf(request) },
    {
      onConflict,
      force: async ({ evidence }) => {
        const paidBack = { ...account, generation: refundGeneration, amountMinor: null };
        return steps.run('recordEvidence', { ...paidBack, evidence: evidence ?? '' });
      },
    },
  );
  return sums ?? null;
}

/** The turn by which a step proves its ownership. */
export function turnOf(owner: Ownership | null): { turn?: Turn } {
  return owner === null ? {} : { turn: { commandId: owner.commandId ?? 'expiry', turn: owner.turn } };
}
