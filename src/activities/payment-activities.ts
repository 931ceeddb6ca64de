import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { PaymentOperation, PaymentRepository } from '../../db/repositories/payment-repository.ts';
import { OrderStateConflictError, PaymentMismatchError, PaymentOutcomeUnknownError } from '../domain/errors.ts';
import {
  EMPTY_BALANCE,
  EVIDENCE_PREFIX,
  LOCAL_PAYMENT_TRY_MS,
  PAYMENT_CALL_TIMEOUT_MS,
  PAYMENT_LOOKUP_TIMEOUT_MS,
  paymentKey,
  type PaymentBalance,
  type PaymentKind,
} from '../domain/payment.ts';
import { chargeProblemOf, type AmountProblem } from '../domain/payment-capabilities.ts';
import type { ChargeOutcome, ChargeRequest, PaymentGateway, VoidOutcome } from '../gateways/payment-gateway.ts';

/** What the payment steps work with. */
export interface PaymentActivityDeps {
  readonly payments: PaymentRepository;
  readonly gateway: PaymentGateway;
}

/** Which charge of an order: its generation grows only after the one before is proved dead. */
export interface ChargeOfOrder {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  /** By default `sale`. */
  readonly chargeKind?: ChargeKind;
  /** By default 1. */
  readonly generation?: number;
}

type ChargeKind = Extract<PaymentKind, 'sale' | 'authorize'>;

/** Input of `takePayment`. */
export interface TakePaymentInput extends ChargeOfOrder {
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
export interface MovePaymentInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly amountMinor: number;
  /** Which capture or refund of the order: part of the key. */
  readonly generation: number;
}

/** A payment outside, as two people have proved it; a null amount is all that is owed. */
interface EvidenceInput extends Omit<MovePaymentInput, 'amountMinor' | 'generation'> {
  readonly generation: number | null;
  readonly amountMinor: number | null;
  readonly evidence: string;
}

/** Steps on money. */
export function createPaymentActivities({ payments, gateway }: PaymentActivityDeps) {
  return {
    /**
     * Effect: one sale or authorization at the provider and its row. Key: `orderId:kind:generation` at both. Outcomes:
     * `captured` or `authorized`, also when an earlier attempt charged; `declined`; `not_chargeable`. Failures: outcome
     * unknown (looked up first by the next attempt); another amount, currency or order in the answer, permanent;
     * database, retryable. Undo: `undoPayment`.
     */
    async takePayment({ chargeKind = 'sale', generation = 1, ...input }: TakePaymentInput): Promise<TakePaymentResult> {
      const { method, ...money } = input;
      const key = paymentKey(input.orderId, chargeKind, generation);
      const charge: ChargeRequest = { ...money, key, kind: chargeKind, method };
      const note = (state: PaymentOperation['state'], result: Partial<PaymentOperation> = {}) =>
        payments.record(operation(input, chargeKind, generation, input.amountMinor, state, result));
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
            await note('FAILED');
            return { kind: 'not_chargeable', problem: outcome.problem };
          case 'voided':
            throw new OrderStateConflictError(input.orderId, 'voided', 'paid');
        }
      } catch (error) {
        // Shown to whoever asks for the order; that it could not be noted must not hide why.
        if (isUncertain(error)) await note('UNKNOWN').catch(() => {});
        throw error;
      }
    },

    /**
     * Effect: nothing of the order's charges stays taken: each is voided by key, which leaves a tombstone at the
     * provider, or what was captured and not yet refunded is refunded. Key: `orderId:void:n` for the charge of generation
     * n, `orderId:refund:m`. Outcomes: done, also when nothing was ever charged. Failures: outcome unknown, refund
     * refused, database, retryable. Undo: none.
     */
    async undoPayment(input: ChargeOfOrder & { refundGeneration?: number }): Promise<void> {
      const operations = await payments.listByOrder(input.orderId);
      const { chargeKind = 'sale', generation = 1 } = input;
      const stored = operations.filter(isCharge).map((charge) => charge.generation);
      for (let each = 1; each <= Math.max(generation, ...stored); each += 1) {
        const key = paymentKey(input.orderId, chargeKind, each);
        const charge = operations.find((candidate) => candidate.key === key) ?? null;
        await undoCharge({ payments, gateway }, { ...input, chargeKind, generation: each }, charge, operations);
      }
    },

    /**
     * Effect: a charge that is not known to have succeeded can never happen any more: void by key, and the next
     * generation is noted as the one that may. Key: `orderId:void:generation`. Outcomes: `dead`; `taken` when the
     * provider has captured it, so it is to be adopted. Failures: outcome unknown, database, retryable. Undo: none.
     */
    async abandonCharge(input: ChargeOfOrder & { amountMinor: number }): Promise<{ kind: 'dead' | 'taken' }> {
      const { orderId, currency, amountMinor, chargeKind = 'sale', generation = 1 } = input;
      const chargeKey = paymentKey(orderId, chargeKind, generation);
      const key = paymentKey(orderId, 'void', generation);
      const found = await gateway.voidByKey({ key, chargeKey, orderId, currency }, timeout(PAYMENT_CALL_TIMEOUT_MS));
      if (found.kind === 'captured') return { kind: 'taken' };
      await bookUntaken(payments, { ...input, chargeKind, generation }, found, amountMinor);
      await payments.record(operation(input, chargeKind, generation + 1, amountMinor, 'UNKNOWN'));
      return { kind: 'dead' };
    },

    /**
     * Effect: (a part of) the authorized amount is taken, and its row. Key: `orderId:capture:generation`. Outcomes: done,
     * also when an earlier attempt did it. Failures: outcome unknown, database, retryable; refused, permanent.
     * Undo: `undoPayment`.
     */
    async capturePayment(input: MovePaymentInput): Promise<void> {
      await movePayment({ payments, gateway }, 'capture', input);
    },

    /**
     * Effect: (a part of) the captured amount is paid back, and its row. Key: `orderId:refund:generation`. Outcomes: done,
     * also when an earlier attempt did it. Failures: outcome unknown, refused (it stays owed), database, retryable.
     * Undo: none.
     */
    async refundPayment(input: MovePaymentInput): Promise<void> {
      await movePayment({ payments, gateway }, 'refund', input);
    },

    /** Effect: none. Outcomes: the sums of what succeeded. Failures: database, retryable. */
    async readMoney({ orderId }: { orderId: string; tenantId: string }): Promise<PaymentBalance> {
      return balanceOf(payments, orderId);
    },

    /**
     * Effect: what was captured and not refunded counts as refunded, on the evidence of two people that it was paid back
     * outside of the provider. Key: `orderId:refund:generation`; without a generation, the refund that is open, or the
     * next one. Outcomes: done. Failures: database, retryable. Undo: none.
     */
    async recordEvidence(input: EvidenceInput): Promise<void> {
      await bookEvidence(payments, input);
    },
  };
}

async function bookEvidence(payments: PaymentRepository, input: EvidenceInput): Promise<void> {
  const { orderId, evidence } = input;
  const generation = input.generation ?? openRefundOf(await payments.listByOrder(orderId)).generation;
  const balance = await balanceOf(payments, orderId);
  const amountMinor = input.amountMinor ?? balance.capturedMinor - balance.refundedMinor;
  const known = await payments.findOptional(paymentKey(orderId, 'refund', generation));
  if (known?.state === 'SUCCEEDED' || amountMinor <= 0) return;
  const providerRef = `${EVIDENCE_PREFIX}${evidence}`;
  await payments.record(operation(input, 'refund', generation, amountMinor, 'SUCCEEDED', { providerRef }));
}

async function balanceOf(payments: PaymentRepository, orderId: string): Promise<PaymentBalance> {
  return (await payments.summaries([orderId])).get(orderId)?.balance ?? EMPTY_BALANCE;
}

async function undoCharge(
  { payments, gateway }: PaymentActivityDeps,
  input: Required<Omit<ChargeOfOrder, 'refundGeneration'>> & { readonly refundGeneration?: number },
  charge: PaymentOperation | null,
  operations: readonly PaymentOperation[],
): Promise<void> {
  // A tombstone is proof, and an amount that can never be charged. A decline is not: a soft one may have been asked again just before.
  if (charge?.state === 'FAILED') return;
  const { orderId, currency, chargeKind, generation, refundGeneration = 1 } = input;
  const chargeKey = paymentKey(orderId, chargeKind, generation);
  const signal = timeout(PAYMENT_CALL_TIMEOUT_MS);
  const key = paymentKey(orderId, 'void', generation);
  const found = await gateway.voidByKey({ key, chargeKey, orderId, currency }, signal);
  if (found.kind !== 'captured') return bookUntaken(payments, input, found, charge?.amountMinor ?? 0);
  const { capturedMinor, providerRef: chargeRef } = found;
  if (chargeKind === 'sale') {
    await payments.record(operation(input, 'sale', generation, capturedMinor, 'SUCCEEDED', { providerRef: chargeRef }));
  } else {
    await bookCapture(payments, input, operations, capturedMinor);
  }
  const refundKey = paymentKey(orderId, 'refund', refundGeneration);
  // What other refunds gave back; one of ours that was lost on its way back is asked again: the key answers as before.
  const refundedBefore = sumOf(operations.filter((each) => each.kind === 'refund' && each.key !== refundKey));
  const amountMinor = found.capturedMinor - refundedBefore;
  if (amountMinor <= 0 || operations.some((each) => each.key === refundKey && each.state === 'SUCCEEDED')) return;
  const refunded = await gateway.refund({ key: refundKey, chargeKey, orderId, currency, amountMinor }, signal);
  const { providerRef } = refunded;
  await payments.record(operation(input, 'refund', refundGeneration, amountMinor, 'SUCCEEDED', { providerRef }));
}

/** The refund whose answer was lost, else the next one. Only late money notes a refund before it is sent. */
export function openRefundOf(operations: readonly PaymentOperation[]): {
  readonly generation: number;
  readonly amountMinor: number | null;
} {
  const refunds = operations.filter(({ kind }) => kind === 'refund');
  const unknown = refunds.find(({ state }) => state === 'UNKNOWN');
  return unknown ?? { generation: 1 + Math.max(0, ...refunds.map(({ generation }) => generation)), amountMinor: null };
}

/** A capture whose row was never written is booked before it is given back. */
export async function bookCapture(
  payments: PaymentRepository,
  order: ChargeOfOrder,
  operations: readonly PaymentOperation[],
  capturedMinor: number,
): Promise<void> {
  const booked = operations.filter(({ kind, state }) => kind === 'capture' && state === 'SUCCEEDED');
  const missingMinor = capturedMinor - sumOf(booked);
  if (missingMinor <= 0) return;
  const generation = 1 + Math.max(0, ...booked.map((each) => each.generation));
  await payments.record(operation(order, 'capture', generation, missingMinor, 'SUCCEEDED'));
}

async function movePayment(
  { payments, gateway }: PaymentActivityDeps,
  kind: 'capture' | 'refund',
  input: MovePaymentInput,
): Promise<void> {
  const { orderId, currency, amountMinor, generation } = input;
  const key = paymentKey(orderId, kind, generation);
  const operations = await payments.listByOrder(orderId);
  if (operations.some((each) => each.key === key && each.state === 'SUCCEEDED')) return;
  const charge = operations.findLast((each) => isCharge(each) && each.state === 'SUCCEEDED');
  if (charge === undefined) throw new OrderStateConflictError(orderId, 'without a charge', `${kind}d`);
  const request = { key, chargeKey: charge.key, orderId, currency, amountMinor };
  const { providerRef } = await gateway[kind](request, timeout(PAYMENT_CALL_TIMEOUT_MS));
  await payments.record(operation(input, kind, generation, amountMinor, 'SUCCEEDED', { providerRef }));
}

/**
 * Books what a void by key found where nothing is taken: a decline whose answer was lost, or the void and the charge
 * before it. That one did happen if there was something to give back, else it failed with the amount it was asked for.
 */
export async function bookUntaken(
  payments: PaymentRepository,
  order: Required<ChargeOfOrder>,
  found: Exclude<VoidOutcome, { kind: 'captured' }>,
  askedMinor: number,
): Promise<void> {
  const { chargeKind, generation } = order;
  const { amountMinor } = found;
  if (found.kind === 'declined') {
    const { declineCode } = found;
    await payments.record(operation(order, chargeKind, generation, amountMinor, 'DECLINED', { declineCode }));
    return;
  }
  const charge: [number, PaymentOperation['state']] =
    amountMinor > 0 ? [amountMinor, 'SUCCEEDED'] : [askedMinor, 'FAILED'];
  await payments.record(operation(order, chargeKind, generation, ...charge));
  await payments.record(operation(order, 'void', generation, amountMinor, 'SUCCEEDED'));
}

/** Money that may have moved, or has in another amount than asked: shown as UNKNOWN until a person has looked. */
function isUncertain(error: unknown): boolean {
  return error instanceof PaymentOutcomeUnknownError || error instanceof PaymentMismatchError;
}

function isCharge({ kind }: PaymentOperation): boolean {
  return kind === 'sale' || kind === 'authorize';
}

function sumOf(operations: readonly PaymentOperation[]): number {
  return operations
    .filter(({ state }) => state === 'SUCCEEDED')
    .reduce((total, { amountMinor }) => total + amountMinor, 0);
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

/** Ends a call after a time, or with its activity. */
export function timeout(limitMs: number): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(limitMs), cancellationSignal()]);
}

/** The row of an effect. */
export function operation(
  order: { readonly orderId: string; readonly tenantId: string; readonly currency: string },
  kind: PaymentKind,
  generation: number,
  amountMinor: number,
  state: PaymentOperation['state'],
  result: Partial<PaymentOperation> = {},
): PaymentOperation {
  return {
    key: paymentKey(order.orderId, kind, generation),
    orderId: order.orderId,
    tenantId: order.tenantId,
    kind,
    generation,
    amountMinor,
    currency: order.currency,
    state,
    declineCode: null,
    providerRef: null,
    ...result,
  };
}
