import { cancellationSignal } from '@temporalio/activity';
import {
  FIRST_TURN,
  type PaymentOperation,
  type PaymentRepository,
  type RecordedOperation,
} from '../../../db/repositories/payments/payment-repository.ts';
import type { Turn } from '../../domain/command.ts';
import { assertNever } from '../../domain/errors.ts';
import { paymentKey, type PaymentKind } from '../../domain/payments/payment.ts';
import type { VoidOutcome } from '../../gateways/payment-gateway.ts';

/** The order and tenant that the money belongs to. */
export interface OrderAccount {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  /** The turn of the command that owns the order; absent for the order's own first payment. */
  readonly turn?: Turn;
}

/** The books of one order, opened by its owner. */
export interface OrderBook {
  readonly account: OrderAccount;
  /**
   * Proves, before anything is sent, that no other command owns the order.
   * @throws {OrderTurnOverError} when another command owns it.
   */
  begin(): Promise<void>;
  /**
   * Stores what is known about an operation, and proves the ownership once more.
   * @throws {OrderTurnOverError} when another command owns the order.
   */
  note(operation: NotedOperation): Promise<PaymentOperation>;
  /** The operations, oldest first. */
  list(): Promise<RecordedOperation[]>;
}

/** An operation as far as it is known. Its key follows from its kind and generation, unless it has another one. */
export type NotedOperation = Pick<PaymentOperation, 'kind' | 'generation' | 'amountMinor' | 'state'> &
  Partial<Pick<PaymentOperation, 'key' | 'declineCode' | 'providerRef'>>;

const FIRST: Turn = { turn: FIRST_TURN, commandId: 'order' };

/** Opens the books of an order for the command that owns it. */
export function openBook(payments: PaymentRepository, account: OrderAccount): OrderBook {
  const { orderId, tenantId, currency, turn: { turn, commandId } = FIRST } = account;
  return {
    account,
    begin: () => payments.beginTurn({ orderId, turn, commandId }),
    list: () => payments.listByOrder(orderId),
    note: (operation) => {
      const key = paymentKey(orderId, operation.kind, operation.generation);
      return payments.record(
        { key, orderId, tenantId, currency, declineCode: null, providerRef: null, ...operation },
        turn,
      );
    },
  };
}

/** A charge of an order, identified by the parts of its key. */
export interface NumberedCharge {
  readonly chargeKind: ChargeKind;
  readonly generation: number;
}

/** The kinds of operations that take or authorize money. */
export type ChargeKind = Extract<PaymentKind, 'sale' | 'authorize'>;

/**
 * Records the result of a void by key when nothing is taken: a decline whose answer was lost, or the void and the
 * charge before it. That charge is recorded as succeeded if there was something to give back, else as failed with its
 * requested amount.
 */
export async function bookUntaken(
  book: OrderBook,
  { chargeKind: kind, generation, askedMinor }: NumberedCharge & { readonly askedMinor: number },
  found: Exclude<VoidOutcome, { kind: 'captured' }>,
): Promise<void> {
  const { amountMinor } = found;
  if (found.kind === 'declined') {
    const { declineCode } = found;
    await book.note({ kind, generation, amountMinor, state: 'DECLINED', declineCode });
    return;
  }
  if (found.kind !== 'voided') return assertNever(found);
  if (amountMinor > 0) await book.note({ kind, generation, amountMinor, state: 'SUCCEEDED' });
  await book.note({ kind: 'void', generation, amountMinor, state: 'SUCCEEDED' });
  if (kind === 'authorize') await bookNeverCaptured(book);
  // This is written last: a charge that is known to have failed is not voided again, so a process that died between the
  // two would leave the void out of the books.
  if (amountMinor === 0) await book.note({ kind, generation, amountMinor: askedMinor, state: 'FAILED' });
}

/**
 * Records the result of a void by key when money is taken: captures whose answers were lost, and the rest of the
 * authorization, which the void has released. A capture that was sent and is not among them can never happen any more.
 */
export async function bookTaken(
  book: OrderBook,
  { chargeKind, generation }: NumberedCharge,
  { capturedMinor, releasedMinor, providerRef }: Extract<VoidOutcome, { kind: 'captured' }>,
): Promise<void> {
  const state = 'SUCCEEDED';
  if (chargeKind === 'sale') {
    await book.note({ kind: 'sale', generation, amountMinor: capturedMinor, state, providerRef });
    return;
  }
  const captures = (await book.list()).filter(({ kind }) => kind === 'capture');
  const missingMinor = capturedMinor - succeededSum(captures);
  const sent = captures.find((capture) => capture.state !== state && capture.amountMinor === missingMinor);
  const next = 1 + Math.max(0, ...captures.map((capture) => capture.generation));
  if (missingMinor > 0) {
    await book.note({ kind: 'capture', generation: sent?.generation ?? next, amountMinor: missingMinor, state });
  }
  await bookNeverCaptured(book);
  if (releasedMinor > 0) await book.note({ kind: 'void', generation, amountMinor: releasedMinor, state });
}

/** Captures that were sent, and are not known to have succeeded when their authorization is released, have failed. */
async function bookNeverCaptured(book: OrderBook): Promise<void> {
  for (const { kind, generation, amountMinor, state } of await book.list()) {
    if (kind === 'capture' && state === 'UNKNOWN') await book.note({ kind, generation, amountMinor, state: 'FAILED' });
  }
}

/** Whether an operation is a sale or an authorization. */
export function isCharge({ kind }: PaymentOperation): boolean {
  return kind === 'sale' || kind === 'authorize';
}

/** The sum in minor units. */
export function succeededSum(operations: readonly PaymentOperation[]): number {
  return operations
    .filter(({ state }) => state === 'SUCCEEDED')
    .reduce((total, { amountMinor }) => total + amountMinor, 0);
}

/** A signal that aborts after a time, or when the activity ends. */
export function timeout(limitMs: number): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(limitMs), cancellationSignal()]);
}
