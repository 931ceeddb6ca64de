import type { AuditedOperation, AuditedOrder } from '../../../db/repositories/audit/audit-repository.ts';
import { totalOf } from '../../domain/payments/money.ts';
import { isTerminal, type OrderStatus } from '../../domain/order-status.ts';
import { EMPTY_BALANCE, type PaymentBalance, type PaymentKind } from '../../domain/payments/payment.ts';
import { isInMotion, type OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/** I3: the balance is the sum of the operations, and the status of an order at rest implies the same balance. */
export function checkBalance(facts: OrderFacts): Finding {
  const { order, operations, balance } = facts;
  const summed = sumUp(operations);
  const problems = differences(summed, balance ?? EMPTY_BALANCE);
  if (order === null || isInMotion(facts)) return { checked: operations.length > 0 ? 1 : 0, problems };
  const isGivenBackWhole = summed.capturedMinor === summed.refundedMinor;
  const live = operations.filter(
    (operation) => isLiveCharge(operation, operations) && !(isGivenBackWhole && operation.kind === 'sale'),
  ).length;
  if (live > 1) problems.push(`${live} charges are alive at once`);
  const strange = operations.find(({ currency }) => currency !== order.currency);
  if (strange !== undefined) problems.push(`${strange.key} is in ${strange.currency}, the order in ${order.currency}`);
  problems.push(...atRestProblems({ ...summed, order, liveCharges: live }, facts), ...authorizedProblems(facts));
  return { checked: 1, problems };
}

/** No amount of an ended order can still be captured at the provider. */
function authorizedProblems({ order, ledger }: OrderFacts): string[] {
  if (ledger === null || order === null || !isTerminal(order.status)) return [];
  const sum = (...kinds: string[]): number =>
    ledger
      .filter(({ kind, state }) => state === 'SUCCEEDED' && kinds.includes(kind))
      .reduce((total, { amountMinor }) => total + amountMinor, 0);
  const leftMinor = sum('authorize') - sum('capture') - sum('void');
  return leftMinor > 0 ? [`it is ${order.status}, and ${leftMinor} of it can still be captured`] : [];
}

function sumUp(operations: readonly AuditedOperation[]): PaymentBalance {
  const succeeded = operations.filter(({ state }) => state === 'SUCCEEDED');
  const sum = (...kinds: PaymentKind[]): number =>
    succeeded.filter(({ kind }) => kinds.includes(kind)).reduce((total, { amountMinor }) => total + amountMinor, 0);
  return {
    authorizedMinor: sum('sale', 'authorize'),
    capturedMinor: sum('sale', 'capture'),
    refundedMinor: sum('refund'),
    voided: isVoided(succeeded),
  };
}

function differences(summed: PaymentBalance, stored: PaymentBalance): string[] {
  const fields = ['authorizedMinor', 'capturedMinor', 'refundedMinor', 'voided'] as const;
  return fields
    .filter((field) => summed[field] !== stored[field])
    .map((field) => `its balance says ${field} ${stored[field]}, its operations ${summed[field]}`);
}

/** The last charge was voided, or a tombstone prevents every charge. */
function isVoided(succeeded: readonly AuditedOperation[]): boolean {
  const lastOf = (...kinds: PaymentKind[]): number =>
    Math.max(0, ...succeeded.filter(({ kind }) => kinds.includes(kind)).map(({ generation }) => generation));
  const voided = lastOf('void');
  return voided > 0 && voided >= lastOf('sale', 'authorize');
}

/** A charge that was not voided and is not known to have failed. */
function isLiveCharge(charge: AuditedOperation, operations: readonly AuditedOperation[]): boolean {
  if (charge.state !== 'SUCCEEDED' || (charge.kind !== 'sale' && charge.kind !== 'authorize')) return false;
  return !operations.some(
    ({ kind, state, generation }) => kind === 'void' && state === 'SUCCEEDED' && generation === charge.generation,
  );
}

/** An order's money with the figures that it is compared with. */
interface MoneyAtRest extends PaymentBalance {
  readonly order: AuditedOrder;
  /** Charges that were neither voided nor fully paid back. */
  readonly liveCharges: number;
}

type MoneyRule = readonly [holds: (money: MoneyAtRest) => boolean, otherwise: string];

const NOTHING_IS_KEPT: readonly MoneyRule[] = [
  [({ capturedMinor, refundedMinor }) => capturedMinor === refundedMinor, 'something is taken'],
  [({ capturedMinor, liveCharges }) => liveCharges === 0 || capturedMinor !== 0, 'something is authorized'],
];

/** The rules of each status about the money of an order at rest. The first rule that does not hold is the problem. */
const MONEY_RULES: Readonly<Record<OrderStatus, readonly MoneyRule[]>> = {
  PENDING: [],
  // The capture, or the void of an expiring authorization, may happen right now, so nothing else is certain.
  AWAITING_CAPTURE: [
    [({ authorizedMinor, refundedMinor }) => authorizedMinor > 0 && refundedMinor === 0, 'nothing is authorized'],
  ],
  CONFIRMED: [
    [isPaid, 'what was captured is not what was sold'],
    [({ refundedMinor }) => refundedMinor === 0, 'something was refunded'],
  ],
  PARTIALLY_REFUNDED: [
    [
      ({ capturedMinor, refundedMinor }) => refundedMinor > 0 && refundedMinor < capturedMinor,
      'the refund is not a part',
    ],
  ],
  REFUNDED: [
    [
      ({ capturedMinor, refundedMinor }) => refundedMinor > 0 && refundedMinor === capturedMinor,
      'not all was refunded',
    ],
  ],
  REJECTED: NOTHING_IS_KEPT,
  CANCELLED: NOTHING_IS_KEPT,
  EXPIRED: NOTHING_IS_KEPT,
  CANCELLING: [],
  REFUNDING: [],
};

const SOLD: readonly OrderStatus[] = ['CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED'];

function atRestProblems(money: MoneyAtRest, facts: OrderFacts): string[] {
  const { order, authorizedMinor, capturedMinor, refundedMinor } = money;
  const { status, totalMinor } = order;
  const broken = MONEY_RULES[status].find(([holds]) => !holds(money));
  if (broken === undefined) return SOLD.includes(status) ? totalProblems(order, facts) : [];
  const [, otherwise] = broken;
  return [
    `${status}, total ${totalMinor}, authorized ${authorizedMinor}, captured ${capturedMinor}, refunded ${refundedMinor}: ${otherwise}`,
  ];
}

function isPaid({ order: { captureMode, totalMinor }, capturedMinor }: MoneyAtRest): boolean {
  if (totalMinor === null || totalMinor === 0) return totalMinor === capturedMinor;
  // With manual capture, only a part may be captured.
  return captureMode === 'automatic' ? capturedMinor === totalMinor : capturedMinor > 0 && capturedMinor <= totalMinor;
}

/**
 * A void gives back exactly the part that was never captured: the rest that its captures have left of an authorization.
 */
function voidProblems(succeeded: readonly AuditedOperation[]): string[] {
  return succeeded.flatMap((voided) => {
    if (voided.kind !== 'void') return [];
    const charge = succeeded.find(
      ({ kind, generation }) => (kind === 'sale' || kind === 'authorize') && generation === voided.generation,
    );
    if (charge === undefined) return [];
    const taken = succeeded.filter(({ kind }) => kind === (charge.kind === 'sale' ? 'sale' : 'capture'));
    const takenMinor = taken.reduce((total, { amountMinor }) => total + amountMinor, 0);
    return taken.length === 0 || voided.amountMinor + takenMinor <= charge.amountMinor
      ? []
      : [`${voided.key} voids what ${taken.map(({ key }) => key).join(', ')} captured`];
  });
}

/** The total is the sum of the lines at the prices that were frozen with their hold. */
function totalProblems({ totalMinor }: AuditedOrder, { reservations }: OrderFacts): string[] {
  const lines = reservations.map(({ sku, quantity, unitPriceMinor }) => ({
    sku,
    quantity,
    unitPriceMinor: unitPriceMinor ?? 0,
  }));
  const frozen = totalOf(lines);
  return frozen === totalMinor ? [] : [`its total is ${totalMinor}, its lines cost ${frozen}`];
}

/**
 * Late money arrives by itself, and is no violation if it was given back by itself; I3 proves that none of it stayed.
 */
function isGivenBack(taken: AuditedOperation, succeeded: readonly AuditedOperation[]): boolean {
  return succeeded.some(
    ({ kind, generation, updatedAt }) =>
      (kind === 'refund' || (kind === 'void' && generation === taken.generation)) && updatedAt >= taken.updatedAt,
  );
}

const ENDED_WITHOUT_SALE: readonly OrderStatus[] = ['REJECTED', 'CANCELLED', 'EXPIRED'];

/** The compared clocks may belong to two servers. A real violation is a request that was sent after the end. */
const CLOCK_TOLERANCE_MS = 5_000;

/**
 * I4: money and stock move in the order of the saga: no line is committed without a capture (lines that cost nothing
 * need none), no money is taken after the end, and no captured money is voided.
 */
export function checkMoneyOrder({ events, operations, reservations }: OrderFacts): Finding {
  const succeeded = operations.filter(({ state }) => state === 'SUCCEEDED');
  const captures = succeeded.filter(({ kind }) => kind === 'sale' || kind === 'capture');
  const committed = reservations.filter(({ state }) => state === 'COMMITTED');
  if (succeeded.length === 0 && committed.length === 0) return NOT_APPLICABLE;

  const problems: string[] = [];
  const priced = committed.filter(({ unitPriceMinor }) => unitPriceMinor !== 0);
  if (captures.length === 0) problems.push(...priced.map(({ sku }) => `${sku} is COMMITTED, nothing was captured`));
  problems.push(...voidProblems(succeeded));
  const end = events.findLast(({ to }) => to !== null && ENDED_WITHOUT_SALE.includes(to));
  if (end !== undefined) {
    const latest = end.at.getTime() + CLOCK_TOLERANCE_MS;
    const late = [...captures, ...succeeded.filter(({ kind }) => kind === 'authorize')].filter(
      (taken) => taken.updatedAt.getTime() > latest && !isGivenBack(taken, succeeded),
    );
    problems.push(...late.map(({ key }) => `${key} succeeded after the order was ${end.to}`));
  }
  return { checked: 1, problems };
}
