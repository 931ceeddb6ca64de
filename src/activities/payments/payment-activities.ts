import { activityInfo } from '@temporalio/activity';
import type { PaymentOperation, PaymentRepository } from '../../../db/repositories/payments/payment-repository.ts';
import {
  assertNever,
  AuthorizationGoneError,
  OrderStateConflictError,
  PaymentContractError,
  PaymentMismatchError,
  PaymentOutcomeUnknownError,
  RefundRefusedError,
} from '../../domain/errors.ts';
import {
  LOCAL_PAYMENT_TRY_MS,
  moneyOf,
  PAYMENT_CALL_TIMEOUT_MS,
  PAYMENT_LOOKUP_TIMEOUT_MS,
  paymentKey,
  type OrderMoney,
} from '../../domain/payments/payment.ts';
import { chargeProblemOf, type AmountProblem } from '../../domain/payments/payment-capabilities.ts';
import type { ChargeOutcome, ChargeRequest, PaymentGateway } from '../../gateways/payment-gateway.ts';
import { moveWhatIsLeft } from './external-money.ts';
import {
  isCharge,
  openBook,
  timeout,
  type ChargeKind,
  type OrderAccount,
  type NotedOperation,
} from './payment-books.ts';

export interface PaymentActivityDeps {
  readonly payments: PaymentRepository;
  readonly gateway: PaymentGateway;
}

/** The order whose payment is taken, and how. */
export interface TakePaymentInput extends OrderAccount {
  /** `sale` by default. */
  readonly chargeKind?: ChargeKind;
  /** Grows only after the charge before is proved dead; 1 by default. */
  readonly generation?: number;
  readonly amountMinor: number;
  readonly method: string;
}

/** A definite answer of the provider. */
export type TakePaymentResult =
  | { readonly kind: 'captured' | 'authorized' }
  | { readonly kind: 'declined'; readonly declineCode: string; readonly soft: boolean }
  /** Nothing was charged, and this amount can never be charged. */
  | { readonly kind: 'not_chargeable'; readonly problem: AmountProblem };

/** A capture or a refund under its own key. */
export interface MovePaymentInput extends OrderAccount {
  readonly amountMinor: number;
  /** The number of the capture or refund within the order; part of the key. */
  readonly generation: number;
}

/**
 * The amount that a capture or refund of ours has moved. It is less than requested when a part was moved at the
 * provider itself.
 */
interface MovedMoney {
  readonly amountMinor: number;
}

type CapturePaymentResult = ({ readonly kind: 'captured' } & MovedMoney) | { readonly kind: 'gone' };

/** Steps on money. */
export function createPaymentActivities({ payments, gateway }: PaymentActivityDeps) {
  return {
    /**
     * Effect: makes one sale or authorization at the provider and writes its row; for a total of 0 it writes only a
     * row, which tells later steps that there is nothing to give back.
     * Key: `orderId:kind:generation` in both places.
     * Outcomes: `captured` (also for a total of 0) or `authorized`, also if an earlier attempt charged; `declined`;
     * `not_chargeable`.
     * Failures: outcome unknown (the next attempt first looks it up); another amount, currency or order in the answer,
     * permanent; database, retryable.
     * Undo: `undoPayment`.
     */
    async takePayment({ chargeKind = 'sale', generation = 1, ...input }: TakePaymentInput): Promise<TakePaymentResult> {
      const { method, ...money } = input;
      const key = paymentKey(input.orderId, chargeKind, generation);
      const charge: ChargeRequest = { ...money, key, kind: chargeKind, method };
      const book = openBook(payments, input);
      const note = (state: PaymentOperation['state'], result: Partial<NotedOperation> = {}) =>
        book.note({ kind: chargeKind, generation, amountMinor: input.amountMinor, state, ...result });
      // A local try comes right after the order was opened. A regular attempt may come after a cancel, whose turn has
      // begun.
      if (!activityInfo().isLocal) await book.begin();
      if (input.amountMinor === 0) {
        await note('FAILED');
        return { kind: 'captured' };
      }
      try {
        const outcome = await askForCharge({ payments, gateway }, charge);
        switch (outcome.kind) {
          case 'succeeded':
            await note('SUCCEEDED', { providerRef: outcome.providerRef });
            return { kind: chargeKind === 'sale' ? 'captured' : 'authorized' };
          case 'declined':
            await note('DECLINED', { declineCode: outcome.declineCode });
            return { kind: 'declined', declineCode: outcome.declineCode, soft: outcome.soft };
          case 'not_chargeable':
            // An operation is stored as a try only if the provider was asked.
            await note('FAILED', outcome.problem.problem === 'refused_by_provider' ? {} : { amountMinor: 0 });
            return { kind: 'not_chargeable', problem: outcome.problem };
          case 'voided':
            throw new OrderStateConflictError(input.orderId, 'voided', 'paid');
          default:
            return assertNever(outcome);
        }
      } catch (error) {
        // Readers of the order see that the outcome is unknown. A failure to store this must not hide the payment's own
        // failure.
        if (isUncertain(error)) await note('UNKNOWN').catch(() => {});
        throw error;
      }
    },

    /**
     * Effect: captures the authorized amount or a part of it, and writes its row.
     * Key: `orderId:capture:generation`.
     * Outcomes: `captured`, also if an earlier attempt did it, or a person at the provider itself (the capture is then
     * adopted); `gone` when the provider no longer has the authorization.
     * Failures: outcome unknown, database, retryable; refused, or the turn is over, permanent.
     * Undo: `undoPayment`.
     */
    async capturePayment(input: MovePaymentInput): Promise<CapturePaymentResult> {
      try {
        return { kind: 'captured', ...(await movePayment({ payments, gateway }, 'capture', input)) };
      } catch (error) {
        if (error instanceof AuthorizationGoneError) return { kind: 'gone' };
        throw error;
      }
    },

    /**
     * Effect: pays back the captured amount or a part of it, and writes its row; refunds that were made at the provider
     * itself are adopted, and only the rest is paid.
     * Key: `orderId:refund:generation`.
     * Outcomes: the amount that was paid back; also if an earlier attempt did it.
     * Failures: outcome unknown, refused (the amount stays owed), database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async refundPayment(input: MovePaymentInput): Promise<MovedMoney> {
      return movePayment({ payments, gateway }, 'refund', input);
    },

    /**
     * Effect: none.
     * Outcomes: the sums of the order's operations.
     * Failures: database, retryable.
     */
    async readMoney({ orderId }: { orderId: string; tenantId: string }): Promise<OrderMoney> {
      return moneyOf(await payments.listByOrder(orderId), gateway.capabilities.captures === 'several');
    },
  };
}

async function movePayment(
  { payments, gateway }: PaymentActivityDeps,
  kind: 'capture' | 'refund',
  input: MovePaymentInput,
): Promise<MovedMoney> {
  const { orderId, currency, amountMinor, generation } = input;
  const key = paymentKey(orderId, kind, generation);
  const book = openBook(payments, input);
  await book.begin();
  const operations = await book.list();
  const done = operations.find((each) => each.key === key && each.state === 'SUCCEEDED');
  if (done !== undefined) return { amountMinor: done.amountMinor };
  const charge = operations.findLast((each) => isCharge(each) && each.state === 'SUCCEEDED');
  if (charge === undefined) throw new OrderStateConflictError(orderId, 'without a charge', `${kind}d`);
  const movement = { kind, generation, key, chargeKey: charge.key, orderId, currency, amountMinor };
  // A report of the provider about this operation is recognized as ours from here on.
  await book.note({ kind, generation, amountMinor, state: 'UNKNOWN' });
  try {
    return { amountMinor: await moveWhatIsLeft(gateway, book, movement) };
  } catch (error) {
    if (isRefusal(error)) await book.note({ kind, generation, amountMinor, state: 'FAILED' }).catch(() => {});
    throw error;
  }
}

/** Whether the provider has answered that nothing was moved. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof AuthorizationGoneError ||
    error instanceof RefundRefusedError ||
    error instanceof PaymentContractError
  );
}

/**
 * Whether money may have moved, or has moved in another amount than requested. It is shown as UNKNOWN until a person
 * has looked.
 */
function isUncertain(error: unknown): boolean {
  return error instanceof PaymentOutcomeUnknownError || error instanceof PaymentMismatchError;
}

/**
 * An amount that can never be charged is not sent, unless an earlier attempt sent it under other rules: then the result
 * of that attempt decides.
 */
async function askForCharge({ payments, gateway }: PaymentActivityDeps, charge: ChargeRequest): Promise<ChargeOutcome> {
  const problem = chargeProblemOf(gateway.capabilities, charge.amountMinor, charge.currency);
  if (problem === null) return chargeOrAdopt(gateway, charge);
  const stored = await payments.findOptional(charge.key);
  const wasSent = stored !== null && stored.state !== 'FAILED';
  return wasSent ? chargeOrAdopt(gateway, charge) : { kind: 'not_chargeable', problem };
}

/**
 * A local try sends at once. A regular attempt first looks the charge up, because an earlier attempt may have sent it.
 */
async function chargeOrAdopt(gateway: PaymentGateway, charge: ChargeRequest): Promise<ChargeOutcome> {
  if (activityInfo().isLocal) return gateway.charge(charge, timeout(LOCAL_PAYMENT_TRY_MS));
  const known = await gateway.lookup(charge, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));
  if (known.kind === 'absent') return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  // After a soft decline the provider accepts the same key again.
  if (known.kind === 'declined' && known.soft) return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  return known;
}
