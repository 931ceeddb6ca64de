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

/** Whose money it is. */
export interface OrderAccount {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  /** The turn of the command that owns the order; absent: the order's own first payment. */
  readonly turn?: Turn;
}

/** The books of one order, in the hands of whoever owns it. */
export interface OrderBook {
  readonly account: OrderAccount;
  /** Proves, before anything is sent, that no other command has come to own the order. @throws {OrderTurnOverError} */
  begin(): Promise<void>;
  /** Stores what is known of an operation; the ownership is proved once more. @throws {OrderTurnOverError} */
  note(operation: NotedOperation): Promise<PaymentOperation>;
  /** Oldest first. */
  list(): Promise<RecordedOperation[]>;
}

/** What is known of an operation; its key is that of its kind and generation unless it has another one. */
export type NotedOperation = Pick<PaymentOperation, 'kind' | 'generation' | 'amountMinor' | 'state'> &
  Partial<Pick<PaymentOperation, 'key' | 'declineCode' | 'providerRef'>>;

const FIRST: Turn = { turn: FIRST_TURN, commandId: 'order' };

/** The book of an order for the command that owns it. */
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

/** A charge of an order, by the parts of its key. */
export interface NumberedCharge {
  readonly chargeKind: ChargeKind;
  readonly generation: number;
}

/** Kinds of operations that take money, or hold it. */
export type ChargeKind = Extract<PaymentKind, 'sale' | 'authorize'>;

/**
 * Books what a void by key found where nothing is taken: a decline whose answer was lost, or the void and the charge
 * before it. That one did happen if there was something to give back, else it failed with the amount it was asked for.
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
  else await book.note({ kind, generation, amountMinor: askedMinor, state: 'FAILED' });
  await book.note({ kind: 'void', generation, amountMinor, state: 'SUCCEEDED' });
}

/**
 * Books what a void by key found taken: captures whose answers were lost, and the rest of the authorization that the void
 * has released. A capture that was sent and is not among what was taken can never happen any more.
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
  for (const capture of captures.filter((each) => each.state === 'UNKNOWN' && each !== sent)) {
    const { generation, amountMinor } = capture;
    await book.note({ kind: 'capture', generation, amountMinor, state: 'FAILED' });
  }
  if (releasedMinor > 0) await book.note({ kind: 'void', generation, amountMinor: releasedMinor, state });
}

/** A sale or an authorization. */
export function isCharge({ kind }: PaymentOperation): boolean {
  return kind === 'sale' || kind === 'authorize';
}

/** In minor units. */
export function succeededSum(operations: readonly PaymentOperation[]): number {
  return operations
    .filter(({ state }) => state === 'SUCCEEDED')
    .reduce((total, { amountMinor }) => total + amountMinor, 0);
}

/** Ends a call after a time, or with its activity. */
export function timeout(limitMs: number): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(limitMs), cancellationSignal()]);
}
