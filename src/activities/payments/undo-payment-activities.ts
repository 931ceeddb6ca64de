import type { PaymentOperation, PaymentRepository } from '../../../db/repositories/payments/payment-repository.ts';
import { EVIDENCE_PREFIX, PAYMENT_CALL_TIMEOUT_MS, paymentKey, type MoneySums } from '../../domain/payments/payment.ts';
import type { PaymentGateway, VoidOutcome } from '../../gateways/payment-gateway.ts';
import { adoptCharge, expectNonePending, moveWhatIsLeft, type KeyedMovement } from './external-money.ts';
import {
  bookTaken,
  bookUntaken,
  isCharge,
  openBook,
  succeededSum,
  timeout,
  type ChargeKind,
  type NumberedCharge,
  type OrderAccount,
  type OrderBook,
} from './payment-books.ts';

interface UndoPaymentDeps {
  readonly payments: PaymentRepository;
  readonly gateway: PaymentGateway;
}

/** The charges of an order that are given back, and the number of the refund. */
export interface UndoPaymentInput extends OrderAccount {
  /** `sale` by default. */
  readonly chargeKind?: ChargeKind;
  /** The highest generation that may exist at the provider without a row here; 1 by default. */
  readonly generation?: number;
  /** 1 by default: the refund of an order that its own workflow undoes. */
  readonly refundGeneration?: number;
}

/** A capture that is abandoned. */
interface AbandonCaptureInput extends OrderAccount {
  readonly generation: number;
  readonly amountMinor: number;
}

/** Steps that give money back, or prove that it can never be taken. */
export function createUndoPaymentActivities({ payments, gateway }: UndoPaymentDeps) {
  const beginBook = async (account: OrderAccount): Promise<OrderBook> => {
    const book = openBook(payments, account);
    await book.begin();
    return book;
  };
  return {
    /**
     * Effect: gives back all money of the order's charges: each charge is voided by key, which leaves a tombstone at
     * the provider; or its captured and not yet refunded amount is refunded, and the rest of its authorization
     * released.
     * Key: `orderId:void:n` for the charge of generation n, `orderId:refund:m`.
     * Outcomes: the sums afterwards, also if nothing was ever charged; histories of earlier versions have none.
     * Failures: outcome unknown, refund refused, database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async undoPayment(input: UndoPaymentInput): Promise<MoneySums | null> {
      const book = await beginBook(input);
      const { chargeKind = 'sale', generation = 1 } = input;
      const operations = await book.list();
      const stored = operations.filter(isCharge).map((charge) => charge.generation);
      for (let each = 1; each <= Math.max(generation, ...stored); each += 1) {
        const key = paymentKey(input.orderId, chargeKind, each);
        // Proof that nothing can be taken is a tombstone, a total of 0, or an amount that can never be charged. A
        // decline is no proof: after a soft one an attempt may just have asked again.
        if (operations.some((charge) => charge.key === key && charge.state === 'FAILED')) continue;
        await giveBack(gateway, book, { ...input, chargeKind, generation: each });
      }
      return sumsOf(await book.list());
    },

    /**
     * Effect: gives back an unexpected charge: voids it by key, or records and refunds it.
     * Key: `orderId:void:n` for the charge of generation n, `orderId:refund:m`.
     * Outcomes: as of `undoPayment`; also if the provider has no charge under the key.
     * Failures: as of `undoPayment`.
     * Undo: none.
     */
    async returnCharge(input: UndoPaymentInput & NumberedCharge): Promise<MoneySums | null> {
      const book = await beginBook(input);
      await giveBack(gateway, book, input);
      return sumsOf(await book.list());
    },

    /**
     * Effect: releases the part of an authorization that was not captured; captured money stays.
     * Key: `orderId:void:n`.
     * Outcomes: `released`, with the sums afterwards: a person may have captured more at the provider until then; also if
     * there is no authorization. Histories of earlier versions have no sums.
     * Failures: outcome unknown, database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async releaseAuthorization(input: OrderAccount): Promise<{ kind: 'released' | 'left'; sums?: MoneySums }> {
      const book = await beginBook(input);
      const operations = await book.list();
      for (const { generation, kind, state } of operations) {
        if (kind !== 'authorize' || state !== 'SUCCEEDED') continue;
        await voidCharge(gateway, book, { chargeKind: 'authorize', generation });
      }
      return { kind: 'released', sums: sumsOf(await book.list()) };
    },

    /**
     * Effect: a charge that is not known to have succeeded can never happen any more: it is voided by key, and only
     * the next generation may be charged from then on.
     * Key: `orderId:void:generation`.
     * Outcomes: `dead`; `taken` when the provider has captured the charge, which must then be adopted.
     * Failures: outcome unknown, database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async abandonCharge(
      input: OrderAccount & { chargeKind?: ChargeKind; generation?: number; amountMinor: number },
    ): Promise<{ kind: 'dead' | 'taken' }> {
      const { amountMinor, chargeKind = 'sale', generation = 1 } = input;
      const book = await beginBook(input);
      const found = await sendVoid(gateway, book, { chargeKind, generation });
      if (found.kind === 'captured') return { kind: 'taken' };
      await bookUntaken(book, { chargeKind, generation, askedMinor: amountMinor }, found);
      await book.note({ kind: chargeKind, generation: generation + 1, amountMinor, state: 'UNKNOWN' });
      return { kind: 'dead' };
    },

    /**
     * Effect: a capture that is not known to have succeeded can never happen any more: the rest of its authorization is
     * released.
     * Key: `orderId:void:n`.
     * Outcomes: `dead`; `taken` when the provider has captured it after all.
     * Failures: outcome unknown, database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async abandonCapture(input: AbandonCaptureInput): Promise<{ kind: 'dead' | 'taken' }> {
      const { orderId, generation, amountMinor } = input;
      const book = await beginBook(input);
      const charge = (await book.list()).findLast(({ kind, state }) => kind === 'authorize' && state === 'SUCCEEDED');
      if (charge !== undefined) {
        await voidCharge(gateway, book, { chargeKind: 'authorize', generation: charge.generation });
      }
      const key = paymentKey(orderId, 'capture', generation);
      const capture = await payments.findOptional(key);
      if (capture?.state === 'SUCCEEDED') return { kind: 'taken' };
      await book.note({ kind: 'capture', generation, amountMinor, state: 'FAILED' });
      return { kind: 'dead' };
    },

    /**
     * Effect: counts the captured and not refunded amount as refunded, because two people have given evidence that it
     * was paid back outside of the provider.
     * Key: `orderId:refund:generation`.
     * Outcomes: as of `undoPayment`.
     * Failures: database, retryable; the turn is over, permanent.
     * Undo: none.
     */
    async recordEvidence(input: EvidenceInput): Promise<MoneySums | null> {
      const book = await beginBook(input);
      await bookEvidence(book, input);
      return sumsOf(await book.list());
    },
  };
}

function sumsOf(operations: readonly PaymentOperation[]): MoneySums {
  return {
    capturedMinor: succeededSum(operations.filter(({ kind }) => kind === 'sale' || kind === 'capture')),
    refundedMinor: succeededSum(operations.filter(({ kind }) => kind === 'refund')),
  };
}

/** A payment outside of the provider that two people have proved; a null amount means everything that is owed. */
interface EvidenceInput extends OrderAccount {
  readonly generation: number;
  readonly amountMinor: number | null;
  readonly evidence: string;
}

async function bookEvidence(
  book: OrderBook,
  { orderId, generation, evidence, ...input }: EvidenceInput,
): Promise<void> {
  const operations = await book.list();
  const taken = succeededSum(operations.filter(({ kind }) => kind === 'sale' || kind === 'capture'));
  const leftMinor = taken - succeededSum(operations.filter(({ kind }) => kind === 'refund'));
  const amountMinor = input.amountMinor ?? leftMinor;
  const key = paymentKey(orderId, 'refund', generation);
  const known = operations.find((each) => each.key === key);
  if (known?.state === 'SUCCEEDED' || amountMinor <= 0) return;
  const providerRef = `${EVIDENCE_PREFIX}${evidence}`;
  await book.note({ kind: 'refund', generation, amountMinor, state: 'SUCCEEDED', providerRef });
}

/** Voids a charge by key. If nothing was charged, the void itself prevents a late charge. */
function sendVoid(
  gateway: PaymentGateway,
  { account: { orderId, currency } }: OrderBook,
  { chargeKind, generation }: NumberedCharge,
): Promise<VoidOutcome> {
  const chargeKey = paymentKey(orderId, chargeKind, generation);
  const key = paymentKey(orderId, 'void', generation);
  return gateway.voidByKey({ key, chargeKey, orderId, currency }, timeout(PAYMENT_CALL_TIMEOUT_MS));
}

/** Voids a charge and records what was found. Returns the charge if money is taken. */
async function voidCharge(gateway: PaymentGateway, book: OrderBook, charge: NumberedCharge) {
  const { chargeKind, generation } = charge;
  const chargeKey = paymentKey(book.account.orderId, chargeKind, generation);
  const found = await sendVoid(gateway, book, charge);
  if (found.kind === 'captured') {
    const taken = { ...found, chargeKey };
    if (chargeKind === 'authorize') await adoptDifference(gateway, book, taken);
    await bookTaken(book, charge, found);
    return taken;
  }
  const asked = (await book.list()).find(({ key }) => key === chargeKey);
  await bookUntaken(book, { ...charge, askedMinor: asked?.amountMinor ?? 0 }, found);
  return null;
}

/** Gives back one charge; other charges and refunds of the order do not count. */
async function giveBack(
  gateway: PaymentGateway,
  book: OrderBook,
  { chargeKind, generation, refundGeneration = 1 }: NumberedCharge & Pick<UndoPaymentInput, 'refundGeneration'>,
): Promise<void> {
  const taken = await voidCharge(gateway, book, { chargeKind, generation });
  if (taken === null) return;
  const { orderId, currency } = book.account;
  const key = paymentKey(orderId, 'refund', refundGeneration);
  expectNonePending(key, await adoptDifference(gateway, book, taken));
  const operations = await book.list();
  const known = operations.find((each) => each.key === key);
  const amountMinor = known?.amountMinor ?? taken.capturedMinor - taken.refundedMinor - paidBackOutside(operations);
  if (amountMinor <= 0 || known?.state === 'SUCCEEDED') return;
  const refund = { kind: 'refund', generation: refundGeneration, amountMinor } as const;
  await book.note({ ...refund, state: 'UNKNOWN' });
  await moveWhatIsLeft(gateway, book, { ...refund, key, chargeKey: taken.chargeKey, orderId, currency });
}

/**
 * If the provider's sums of a charge differ from the books, adopts the captures and refunds that were made at the
 * provider itself. Returns the movements, if they had to be looked up.
 */
async function adoptDifference(
  gateway: PaymentGateway,
  book: OrderBook,
  { chargeKey, capturedMinor, refundedMinor }: MoneySums & { readonly chargeKey: string },
): Promise<readonly KeyedMovement[]> {
  const operations = await book.list();
  const sum = (...kinds: PaymentOperation['kind'][]): number =>
    succeededSum(operations.filter(({ kind }) => kinds.includes(kind)));
  const refundedHere = sum('refund') - paidBackOutside(operations);
  if (sum('sale', 'capture') === capturedMinor && refundedHere === refundedMinor) return [];
  return (await adoptCharge(gateway, book, chargeKey)).movements;
}

/** Refunds that people have proved, which the provider does not list. */
function paidBackOutside(operations: readonly PaymentOperation[]): number {
  return succeededSum(operations.filter(({ providerRef }) => providerRef?.startsWith(EVIDENCE_PREFIX) === true));
}
