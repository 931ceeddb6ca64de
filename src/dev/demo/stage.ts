import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { orderIdFor } from '../../domain/ids.ts';
import type { LedgerEntry, Order, Shop, Stock, Wish } from './client.ts';
import type { Claim, Narrator } from './narrator.ts';
import type { SecondProcess } from './second-process.ts';
import type { TemporalView } from './temporal-view.ts';

/** The tenant that `npm start` seeds a catalog for. */
export const DEMO_TENANT = 'demo';

/** The system and the narrator of a scenario. */
export interface Stage {
  readonly shop: Shop;
  readonly temporal: TemporalView;
  readonly narrator: Narrator;
  readonly startSecondProcess: () => Promise<SecondProcess>;
  readonly signal: AbortSignal;
}

/** One order's money according to the provider's ledger. */
export interface Money {
  readonly capturedMinor: number;
  readonly refundedMinor: number;
  /** How often money was taken. */
  readonly charges: number;
  /** Everything that the provider recorded for the order, including refusals. */
  readonly entries: number;
}

/** Stock and money at one moment. */
export interface Snapshot {
  readonly stock: Stock;
  readonly money: Money;
}

/** An order that was accepted, with the figures from before it was posted. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly wish: Wish;
  readonly before: Snapshot;
}

/** An order at its end, with the figures from before and after. */
export interface PlayedOrder extends PlacedOrder {
  readonly order: Order;
  readonly after: Snapshot;
}

/** How a scenario ended; a fact that a broken-off scenario does not have is `null`. */
export interface Ending {
  readonly orderId: string | null;
  readonly happened: string;
  readonly before: Snapshot | null;
  readonly after: Snapshot | null;
  /** Whether all claims of the scenario were true. */
  readonly asTold: boolean;
}

/** Pause between two looks of a scenario that waits, in milliseconds. */
const LOOK_MS = 50;

/** Posts an order. Its id follows from its key, so the figures before it can be read. */
export async function placeOrder({ shop, narrator }: Stage, wish: Wish, apiUrl?: string): Promise<PlacedOrder> {
  const key = `demo-${randomUUID()}`;
  const orderId = orderIdFor(DEMO_TENANT, key);
  const before = await takeSnapshot(shop, wish.sku, orderId);
  await shop.postOrder(wish, key, apiUrl);
  narrator.say(`${wish.quantity} x ${wish.sku} by ${wish.method}: accepted as ${orderId}`);
  return { orderId, wish, before };
}

/** Waits until the order is at rest and reads the figures again. */
export async function awaitEnd({ shop, narrator }: Stage, placed: PlacedOrder): Promise<PlayedOrder> {
  const order = await shop.orderAtRest(placed.orderId);
  const after = await takeSnapshot(shop, placed.wish.sku, placed.orderId);
  narrator.say(`${describe(order)}: ${order.workflow.url}`);
  return { ...placed, order, after };
}

/** Checks the claims aloud and closes the scenario. */
export function close(
  { narrator }: Stage,
  { orderId, before, after }: PlayedOrder,
  { happened, claims }: { readonly happened: string; readonly claims: readonly Claim[] },
): Ending {
  for (const claim of claims) narrator.check(claim);
  return { orderId, happened, before, after, asTold: claims.every(({ holds }) => holds) };
}

/** Pauses between two looks. */
export function pause({ signal }: Stage, ms = LOOK_MS): Promise<void> {
  return sleep(ms, undefined, { signal });
}

async function takeSnapshot(shop: Shop, sku: string, orderId: string): Promise<Snapshot> {
  const [stock, ledger] = await Promise.all([shop.stock(sku), shop.ledger(orderId)]);
  return { stock, money: moneyOf(ledger) };
}

function moneyOf(ledger: readonly LedgerEntry[]): Money {
  const done = ledger.filter(({ state }) => state === 'SUCCEEDED');
  const taken = done.filter(({ kind }) => kind === 'sale' || kind === 'capture');
  return {
    capturedMinor: sumOf(taken),
    refundedMinor: sumOf(done.filter(({ kind }) => kind === 'refund')),
    charges: taken.length,
    entries: ledger.length,
  };
}

function sumOf(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
}

function describe({ status, reason, attention }: Order): string {
  if (attention !== null) return `${status}, parked at ${attention.step} (${attention.errorCode})`;
  return reason === null ? status : `${status} (${reason})`;
}
