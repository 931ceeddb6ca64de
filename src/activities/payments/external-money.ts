import type { PaymentOperation } from '../../../db/repositories/payments/payment-repository.ts';
import { AmountExceedsLeftError, PaymentOutcomeUnknownError } from '../../domain/errors.ts';
import {
  EXTERNAL_GENERATION,
  externalKey,
  parsePaymentKey,
  paymentKey,
  PAYMENT_CALL_TIMEOUT_MS,
  PAYMENT_LOOKUP_TIMEOUT_MS,
} from '../../domain/payments/payment.ts';
import {
  expectSame,
  type PaymentGateway,
  type ProviderMovement,
  type RefundRequest,
} from '../../gateways/payment-gateway.ts';
import { timeout, type OrderAccount, type OrderBook } from './payment-books.ts';

type Order = Pick<OrderAccount, 'orderId' | 'currency'>;

/** A movement and the key that it has in the books. */
export interface KeyedMovement extends ProviderMovement {
  readonly bookKey: string;
  /** 0 for a movement that was made at the provider itself. */
  readonly generation: number;
}

/**
 * The provider's captures and refunds of a charge. A movement with one of our keys is ours; all others were made at the
 * provider itself.
 * @throws {PaymentMismatchError} for a key of another order or of another kind.
 */
export async function movementsOf(gateway: PaymentGateway, order: Order, chargeKey: string): Promise<KeyedMovement[]> {
  const { orderId, currency } = order;
  const listed = await gateway.movements({ chargeKey, orderId, currency }, timeout(PAYMENT_LOOKUP_TIMEOUT_MS));
  return listed.map((movement) => ({ ...movement, ...numberOf(orderId, movement) }));
}

function numberOf(orderId: string, { key, kind, providerRef }: ProviderMovement) {
  const named = key === null ? null : parsePaymentKey(key);
  if (named === null) return { generation: EXTERNAL_GENERATION, bookKey: externalKey(orderId, kind, providerRef) };
  const { generation } = named;
  const bookKey = paymentKey(orderId, kind, generation);
  expectSame(bookKey, { orderId, kind }, named);
  return { generation, bookKey };
}

/**
 * Movements that have succeeded at the provider and are not in the books. Captures come first, because refunds draw on
 * them.
 */
export function missingOf(
  movements: readonly KeyedMovement[],
  operations: readonly PaymentOperation[],
): readonly KeyedMovement[] {
  const booked = new Set(operations.filter(({ state }) => state === 'SUCCEEDED').map(({ key }) => key));
  const missing = movements.filter(({ state, bookKey }) => state === 'SUCCEEDED' && !booked.has(bookKey));
  const isCapture = ({ kind }: KeyedMovement): boolean => kind === 'capture';
  return [...missing.filter(isCapture), ...missing.filter((each) => !isCapture(each))];
}

/** Records the provider's movements of a charge that the books do not have. Returns these and all movements. */
export async function adoptCharge(
  gateway: PaymentGateway,
  book: OrderBook,
  chargeKey: string,
): Promise<{ readonly adopted: readonly KeyedMovement[]; readonly movements: readonly KeyedMovement[] }> {
  const movements = await movementsOf(gateway, book.account, chargeKey);
  const adopted = missingOf(movements, await book.list());
  for (const { kind, generation, amountMinor, bookKey, providerRef } of adopted) {
    await book.note({ kind, generation, amountMinor, state: 'SUCCEEDED', key: bookKey, providerRef });
  }
  return { adopted, movements };
}

/** A capture or a refund that is stored as UNKNOWN and about to be sent. */
export interface NotedMovement extends RefundRequest {
  readonly kind: 'capture' | 'refund';
  readonly generation: number;
}

/**
 * Sends a capture or a refund and records it. If the provider has less money left, because a person moved a part of it
 * there, that part is adopted into the books and the rest is sent under the same key. Returns the amount that was
 * moved: 0 when nothing was left.
 * @throws {AmountExceedsLeftError} when no movement at the provider itself explains the refusal.
 */
export async function moveWhatIsLeft(
  gateway: PaymentGateway,
  book: OrderBook,
  { kind, generation, ...request }: NotedMovement,
): Promise<number> {
  const send = async (amountMinor: number): Promise<number> => {
    const { providerRef } = await gateway[kind]({ ...request, amountMinor }, timeout(PAYMENT_CALL_TIMEOUT_MS));
    await book.note({ kind, generation, amountMinor, state: 'SUCCEEDED', providerRef });
    return amountMinor;
  };
  try {
    return await send(request.amountMinor);
  } catch (error) {
    if (!(error instanceof AmountExceedsLeftError)) throw error;
    const { adopted, movements } = await adoptCharge(gateway, book, request.chargeKey);
    const ours = adopted.find(({ bookKey }) => bookKey === request.key);
    if (ours !== undefined) return ours.amountMinor;
    const leftMinor = leftOf({ kind, chargeKey: request.chargeKey }, movements, await book.list());
    if (leftMinor === null || leftMinor >= request.amountMinor) throw error;
    expectNonePending(request.key, movements);
    if (leftMinor > 0) return send(leftMinor);
    await book.note({ kind, generation, amountMinor: request.amountMinor, state: 'FAILED' });
    return 0;
  }
}

/**
 * A pending movement may still fail, so it is unknown how much is left.
 * @throws {PaymentOutcomeUnknownError} when a movement is pending.
 */
export function expectNonePending(key: string, movements: readonly KeyedMovement[]): void {
  if (movements.some(({ state, bookKey }) => state === 'PENDING' && bookKey !== key)) {
    throw new PaymentOutcomeUnknownError(key, 'another movement of its charge is pending');
  }
}

/** The amount of a charge that the provider has left; null when only this service has moved any of it. */
function leftOf(
  { kind, chargeKey }: Pick<NotedMovement, 'kind' | 'chargeKey'>,
  movements: readonly KeyedMovement[],
  operations: readonly PaymentOperation[],
): number | null {
  const charge = operations.find(({ key }) => key === chargeKey);
  const isMovedOutside = movements.some((each) => each.kind === kind && each.generation === EXTERNAL_GENERATION);
  if (charge === undefined || !isMovedOutside) return null;
  const sum = (wanted: ProviderMovement['kind']): number =>
    movements.filter((each) => each.kind === wanted).reduce((total, { amountMinor }) => total + amountMinor, 0);
  if (kind === 'capture') return charge.amountMinor - sum('capture');
  return (charge.kind === 'sale' ? charge.amountMinor : sum('capture')) - sum('refund');
}
