import { patched, sleep } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import { assertNever } from '../../domain/errors.ts';
import type { Refusal } from '../../domain/order.ts';
import { isTerminal } from '../../domain/order-status.ts';
import { SOFT_DECLINE_POLICY } from '../steps/step-policies.ts';
import type { Steps } from '../steps/step-runner.ts';
import type { OrderState, SaleResult } from './order-state.ts';
import type { StepInputs } from './step-inputs.ts';

type Answer<Name extends keyof Activities> = Awaited<ReturnType<Activities[Name]>>;

/** An order in the state in which an earlier run has left it. */
export type BegunOrder = { readonly kind: 'begun' } & Omit<Extract<Answer<'openOrder'>, { kind: 'open' }>, 'kind'>;

/** The order before the sale: unknown so far, or as an earlier run has left it. */
export type OpenedOrder =
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'new' }
  | BegunOrder
  | Extract<SaleResult, { kind: 'ended' }>;

/** A payment that was refused is final; another method is another order. */
type PaymentResult =
  | { readonly kind: 'captured' | 'authorized' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** The steps of an order's way from its acceptance to its end. */
export interface SaleSteps {
  /** Stores the order, or finds its stored state. */
  openOrder(): Promise<OpenedOrder>;
  /** Holds the stock of all lines, or of none. */
  holdStock(): Promise<Answer<'holdStock'>>;
  /** Takes the money, or authorizes it for manual capture. */
  takePayment(totalMinor: number): Promise<PaymentResult>;
  /** Deducts the held stock. */
  commitStock(totalMinor: number): Promise<Extract<SaleResult, { kind: 'paid' | 'refused' }>>;
  /** Enters CONFIRMED, and tells the customer meanwhile: the message does not wait for the status. */
  confirmAndTell(totalMinor: number, tell: () => Promise<void>): Promise<void>;
  /** Enters the status of an order that was not sold, with the sums after its payment was undone. */
  closeOrder(result: Unsold): Promise<'REJECTED' | 'CANCELLED' | 'EXPIRED'>;
}

/** How an order ends that is not sold. */
export type Unsold = Exclude<SaleResult, { kind: 'paid' | 'ended' }>;

export function createSaleSteps(order: OrderState, inputs: StepInputs): SaleSteps {
  const { steps } = order;
  return {
    openOrder: async () => openedOf(await steps.run('openOrder', inputs.openOrder)),
    holdStock: async () => {
      const hold = await steps.run('holdStock', inputs.holdStock, { onConflict: order.onConflict });
      return hold.kind === 'held' || hold.kind === 'refused' ? hold : assertNever(hold);
    },
    takePayment: async (totalMinor) => {
      order.mayBeCharged = totalMinor > 0;
      return paymentResultOf(await charge(order, { ...inputs.takePayment, amountMinor: totalMinor }));
    },
    commitStock: (totalMinor) => commitStock(order, totalMinor),
    confirmAndTell: (totalMinor, tell) => confirmAndTell(order, totalMinor, tell),
    closeOrder: (result) => closeOrder(order, result),
  };
}

function openedOf(opened: Answer<'openOrder'>): OpenedOrder {
  if (opened.kind === 'duplicate') return { kind: 'duplicate' };
  if (opened.kind !== 'open') return assertNever(opened);
  // Changes of a sold order since its sale belong to its commands.
  const status = opened.status === 'CONFIRMED' || opened.wasSold === true ? 'CONFIRMED' : opened.status;
  if (status === 'CONFIRMED' || isTerminal(status)) return { kind: 'ended', status, totalMinor: opened.totalMinor };
  return opened.refusal === null && status === 'PENDING' ? { kind: 'new' } : { ...opened, kind: 'begun' };
}

/**
 * An answer that this build does not know, from a newer worker, does not count as success: it blocks the order until a
 * worker that knows the answer takes over.
 */
function paymentResultOf(payment: Answer<'takePayment'>): PaymentResult {
  switch (payment.kind) {
    case 'declined': {
      const { declineCode } = payment;
      return { kind: 'refused', refusal: { reason: 'payment_declined', details: { declineCode } } };
    }
    case 'not_chargeable':
      return { kind: 'refused', refusal: { reason: 'amount_not_chargeable', details: payment.problem } };
    case 'authorized':
    case 'captured':
      return { kind: payment.kind };
    default:
      return assertNever(payment);
  }
}

type Payment = Parameters<Activities['takePayment']>[0];

/**
 * A soft decline (insufficient funds, issuer unavailable) is tried again under the same key while the provider allows
 * it.
 */
async function charge({ steps, onConflict }: OrderState, payment: Payment): Promise<Answer<'takePayment'>> {
  for (let retries = 0; ; retries += 1) {
    const outcome = await steps.run('takePayment', payment, {
      onConflict,
      patch: (input, { patch }) => withMethod(steps, input, patch?.method ?? input.method),
    });
    const isFinal = outcome.kind !== 'declined' || !outcome.soft || retries >= SOFT_DECLINE_POLICY.retries;
    if (isFinal) return outcome;
    await sleep(SOFT_DECLINE_POLICY.delayMs, { summary: 'Soft decline: ask again' });
  }
}

/** Another payment method is another charge, which needs proof that the first one can never happen. */
async function withMethod(steps: Steps, payment: Payment, method: string): Promise<Payment> {
  const { orderId, tenantId, currency, amountMinor, chargeKind, generation = 1 } = payment;
  const first = await steps.run('abandonCharge', {
    orderId,
    tenantId,
    currency,
    amountMinor,
    generation,
    ...(chargeKind === undefined ? {} : { chargeKind }),
  });
  switch (first.kind) {
    case 'taken':
      // The next attempt looks the charge up and adopts it.
      return payment;
    case 'dead':
      return { ...payment, method, generation: generation + 1 };
    default:
      return assertNever(first.kind);
  }
}

/** Deducts the held stock. If the hold expired while the payment's outcome was unknown, the stock is held again. */
async function commitStock(
  { input, steps, onConflict }: OrderState,
  totalMinor: number,
): Promise<Extract<SaleResult, { kind: 'paid' | 'refused' }>> {
  const { orderId, tenantId, settings } = input;
  const { holdTtlSeconds } = settings;
  for (;;) {
    const done = await steps.run('commitStock', { orderId, tenantId }, { onConflict });
    if (done.kind === 'committed') return { kind: 'paid', totalMinor };
    if (done.kind !== 'hold_lost') return assertNever(done.kind);
    const retaken = await steps.run('retakeStock', { orderId, tenantId, holdTtlSeconds });
    if (retaken.kind === 'refused') return retaken;
    if (retaken.kind !== 'held') return assertNever(retaken);
  }
}

/** Changes the status to CONFIRMED. */
/**
 * The message begins when the local try of the status has ended. If both were tried locally at once and failed one after
 * the other, the first to fail would ask for its next attempt first; a replay hears of both failures at once, and the
 * shorter way through the code would come first, whatever the history says.
 */
async function confirmAndTell(order: OrderState, totalMinor: number, tell: () => Promise<void>): Promise<void> {
  const { input, steps, capture, onConflict } = order;
  const { orderId, tenantId } = input;
  const byHand = capture === null ? {} : { capture };
  const waits = !steps.isTried('confirmOrder') && patched('tell-after-first-try');
  const { promise: firstTry, resolve: onTried } = Promise.withResolvers<void>();
  const confirmed = steps.run('confirmOrder', { orderId, tenantId, totalMinor, ...byHand }, { onConflict, onTried });
  const told = waits ? firstTry.then(tell) : tell();
  await Promise.allSettled([confirmed, told]);
  await Promise.all([confirmed, told]);
}

/** Writes the final status of an order that was not sold, with the sums after its payment was undone. */
async function closeOrder(
  { input, steps, money, owner, onConflict }: OrderState,
  result: Unsold,
): Promise<'REJECTED' | 'CANCELLED' | 'EXPIRED'> {
  const { orderId, tenantId } = input;
  const sums = money === null ? {} : { data: { ...money } };
  if (result.kind === 'refused') {
    await steps.run('rejectOrder', { orderId, tenantId, refusal: result.refusal, ...sums }, { onConflict });
    return 'REJECTED';
  }
  const to = result.kind === 'cancelled' ? 'CANCELLED' : 'EXPIRED';
  const ownerId = owner?.commandId ?? null;
  const owned = ownerId === null ? {} : { ownerId };
  await steps.run('closeCommand', { orderId, tenantId, to, ...owned, ...sums }, { onConflict });
  return to;
}
