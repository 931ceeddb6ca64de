import type { PaymentOperation } from '../../../db/repositories/payments/payment-repository.ts';
import type { MissingMoney } from '../../domain/command-rule.ts';
import { adoptCharge, missingOf, movementsOf, type KeyedMovement } from './external-money.ts';
import type { PaymentActivityDeps } from './payment-activities.ts';
import { isCharge, openBook, type OrderAccount } from './payment-books.ts';

/** Steps on money that was moved at the provider itself. */
export function createExternalMoneyActivities({ payments, gateway }: PaymentActivityDeps) {
  return {
    /**
     * Effect: none.
     * Outcomes: captures and refunds of the order's charges that the provider lists and the books do not have.
     * Failures: outcome unknown, database, retryable; another currency, or a key of another order, permanent.
     */
    async findExternal(order: OrderAccount): Promise<MissingMoney> {
      const operations = await payments.listByOrder(order.orderId);
      const missing: KeyedMovement[] = [];
      for (const { key } of operations.filter(isTaken)) {
        missing.push(...missingOf(await movementsOf(gateway, order, key), operations));
      }
      return sumsOf(missing);
    },

    /**
     * Effect: writes a row for each capture and refund that the provider lists and the books do not have.
     * Key: the provider's reference, or our own key if the movement has one.
     * Outcomes: the movements that were recorded now.
     * Failures: as of `findExternal`; the turn is over, permanent.
     * Undo: none.
     */
    async adoptExternal(order: OrderAccount): Promise<MissingMoney> {
      const book = openBook(payments, order);
      await book.begin();
      const adopted: KeyedMovement[] = [];
      for (const { key } of (await book.list()).filter(isTaken)) {
        adopted.push(...(await adoptCharge(gateway, book, key)).adopted);
      }
      return sumsOf(adopted);
    },
  };
}

function isTaken(operation: PaymentOperation): boolean {
  return isCharge(operation) && operation.state === 'SUCCEEDED';
}

function sumsOf(movements: readonly KeyedMovement[]): MissingMoney {
  const sum = (wanted: KeyedMovement['kind']): number =>
    movements.filter(({ kind }) => kind === wanted).reduce((total, { amountMinor }) => total + amountMinor, 0);
  return { capturedMinor: sum('capture'), refundedMinor: sum('refund') };
}
