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

/** Input of `takePayment`. */
export interface TakePaymentInput extends OrderAccount {
  /** By default `sale`. */
  readonly chargeKind?: ChargeKind;
  /** Grows only after the charge before it is proved dead; by default 1. */
  readonly generation?: number;
  readonly amountMinor: number;
  readonly method: string;
}

/** A definite answer of the provider. */
export type TakePaymentResult =
  | { readonly kind: 'captured' | 'authorized' }
  | { readonly kind: 'declined'; readonly declineCode: string; readonly soft: boolean }
  /** Nothing was charged, and this amount never can be. */
  | { readonly kind: 'not_chargeable'; readonly problem: AmountProblem };

/** A capture or a refund under its own key. */
export interface MovePaymentInput extends OrderAccount {
  readonly amountMinor: number;
  /** Which capture or refund of the order: part of the key. */
  readonly generation: number;
}

/** What a capture or refund of ours has moved: less than it was asked for when a part was moved at the provider itself. */
interface MovedMoney {
  readonly amountMinor: number;
}

type CapturePaymentResult = ({ readonly kind: 'captured' } & MovedMoney) | { readonly kind: 'gone' };

/** Steps on money. */
export function createPaymentActivities({ payments, gateway }: PaymentActivityDeps) {
  return {
    /**
     * Effect: one sale or authorization at the provider and its row; of a total of 0 only a row, by which every later
     * step knows that there is nothing to give back. Key: `orderId:kind:generation` at both. Outcomes: `captured` (also a
     * total of 0) or `authorized`, also when an earlier attempt charged; `declined`; `not_chargeable`. Failures: outcome
     * unknown (looked up first by the next attempt); another amount, currency or order in the answer, permanent;
     * database, retryable. Undo: `undoPayment`.
     */
    async takePayment({ chargeKind = 'sale', generation = 1, ...input }: TakePaymentInput): Promise<TakePaymentResult> {
      const { method, ...money } = input;
      const key = paymentKey(input.orderId, chargeKind, generation);
      const charge: ChargeRequest = { ...money, key, kind: chargeKind, method };
      const book = openBook(payments, input);
      const note = (state: PaymentOperation['state'], result: Partial<NotedOperation> = {}) =>
        book.note({ kind: chargeKind, generation, amountMinor: input.amountMinor, state, ...result });
      // A first try comes right after the order was opened; a later one may meet a cancel, whose turn has begun.
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
            // Shown as a try only where there was one.
            await note('FAILED', outcome.problem.problem === 'refused_by_provider' ? {} : { amountMinor: 0 });
            return { kind: 'not_chargeable', problem: outcome.problem };
          case 'voided':
            throw new OrderStateConflictError(input.orderId, 'voided', 'paid');
          default:
            return assertNever(outcome);
        }
      } catch (error) {
        // Shown to whoever asks for the order; that it could not be noted must not hide why.
        if (isUncertain(error)) await note('UNKNOWN').catch(() => {});
        throw error;
      }
    },

    /**
     * Effect: (a part of) the authorized amount is taken, and its row. Key: `orderId:capture:generation`. Outcomes:
     * `captured`, also when an earlier attempt did it, or somebody at the provider itself, which is adopted; `gone` when the provider keeps the authorization no longer.
     * Failures: outcome unknown, database, retryable; refused, or the turn is over, permanent. Undo: `undoPayment`.
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
     * Effect: (a part of) the captured amount is paid back, and its row; what was paid back at the provider itself is
     * adopted, and only the rest of it paid. Key: `orderId:refund:generation`. Outcomes: what was paid back, also when an
     * earlier attempt did it. Failures: outcome unknown, refused (it stays owed), database, retryable; the
     * turn is over, permanent. Undo: none.
     */
    async refundPayment(input: MovePaymentInput): Promise<MovedMoney> {
      return movePayment({ payments, gateway }, 'refund', input);
    },

    /** Effect: none. Outcomes: what the order's operations add up to. Failures: database, retryable. */
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
  // From here on whoever hears of it from the provider knows that it is ours.
  await book.note({ kind, generation, amountMinor, state: 'UNKNOWN' });
  try {
    return { amountMinor: await moveWhatIsLeft(gateway, book, movement) };
  } catch (error) {
    if (isRefusal(error)) await book.note({ kind, generation, amountMinor, state: 'FAILED' }).catch(() => {});
    throw error;
  }
}

/** The provider has said that nothing was moved. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof AuthorizationGoneError ||
    error instanceof RefundRefusedError ||
    error instanceof PaymentContractError
  );
}

/** Money that may have moved, or has in another amount than asked: shown as UNKNOWN until a person has looked. */
function isUncertain(error: unknown): boolean {
  return error instanceof PaymentOutcomeUnknownError || error instanceof PaymentMismatchError;
}

/** What can never be charged is not sent, unless an earlier attempt did so under other rules: then that one decides. */
async function askForCharge({ payments, gateway }: PaymentActivityDeps, charge: ChargeRequest): Promise<ChargeOutcome> {
  const problem = chargeProblemOf(gateway.capabilities, charge.amountMinor, charge.currency);
  if (problem === null) return chargeOrAdopt(gateway, charge);
  const stored = await payments.findOptional(charge.key);
  const wasSent = stored !== null && stored.state !== 'FAILED';
  return wasSent ? chargeOrAdopt(gateway, charge) : { kind: 'not_chargeable', problem };
}

/** A local try sends at once; a regular attempt looks first, because some attempt went before it. */
async function chargeOrAdopt(gateway: PaymentGateway, charge: ChargeRequest): Promise<ChargeOutcome> {
  if (activityInfo().isLocal) return gateway.charge(charge, timeout(LOCAL_PAYMENT_TRY_MS));
  const known = await gateway.lookup(charge, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));
  if (known.kind === 'absent') return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  // The provider allows a softly declined key to be asked again.
  if (known.kind === 'declined' && known.soft) return gateway.charge(charge, timeout(PAYMENT_CALL_TIMEOUT_MS));
  return known;
}
