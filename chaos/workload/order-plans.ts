import type { Random } from '../random.ts';
import { pickRank, pickTenant, priceOf, skuOf } from './tenants.ts';

/** What a client does with its order after the 202. */
export const STORIES = [
  /** Nothing: the checker looks at the end alone. */
  'leave',
  /** Reads it until it is at rest. */
  'watch',
  'cancel_early',
  'cancel_sold',
  'refund_full',
  'refund_parts',
  'capture_all',
  'capture_parts',
  'capture_cancel',
  /** Never captures it. */
  'capture_never',
  /** Captures a part, then captures more while it cancels or refunds. */
  'capture_race',
] as const;
export type Story = (typeof STORIES)[number];

/** A kind of order. `ends` are the reasons that it may be rejected for beside `out_of_stock` and an operator's abort. */
interface OrderKind {
  readonly weight: number;
  readonly method: string;
  readonly stories: readonly Story[];
  readonly ends: readonly string[];
}

const SOLD = 'pm_ok';

/** The mix, in thousandths. Payment methods of the simulator decide what happens to the payment. */
export const ORDER_KINDS = {
  plain: { weight: 400, method: SOLD, stories: ['leave', 'leave', 'leave', 'watch'], ends: [] },
  declined: { weight: 50, method: 'pm_declined', stories: ['leave', 'watch'], ends: ['payment_declined'] },
  soft_decline: { weight: 25, method: 'pm_insufficient_funds', stories: ['leave'], ends: ['payment_declined'] },
  lost_reply: { weight: 55, method: 'pm_lost_reply', stories: ['leave', 'watch', 'cancel_early'], ends: [] },
  flaky: { weight: 45, method: 'pm_flaky', stories: ['leave', 'watch', 'cancel_early'], ends: [] },
  slow: { weight: 20, method: 'pm_slow', stories: ['watch', 'cancel_early'], ends: [] },
  wrong_amount: { weight: 15, method: 'pm_wrong_amount', stories: ['leave'], ends: [] },
  unreachable: { weight: 10, method: 'pm_down', stories: ['leave', 'cancel_early'], ends: [] },
  refund_fails: {
    weight: 25,
    method: 'pm_refund_fails',
    stories: ['refund_full', 'cancel_sold', 'cancel_sold'],
    ends: [],
  },
  unknown_method: { weight: 6, method: 'pm_unheard_of', stories: ['leave'], ends: ['payment_declined'] },
  unknown_sku: { weight: 8, method: SOLD, stories: ['leave'], ends: ['unknown_sku'] },
  price_changed: { weight: 8, method: SOLD, stories: ['leave'], ends: ['price_changed'] },
  other_currency: { weight: 6, method: SOLD, stories: ['leave'], ends: ['currency_mismatch'] },
  cancelled_early: { weight: 80, method: SOLD, stories: ['cancel_early'], ends: [] },
  cancelled_sold: { weight: 40, method: SOLD, stories: ['cancel_sold'], ends: [] },
  refunded: { weight: 70, method: SOLD, stories: ['refund_full', 'refund_parts'], ends: [] },
  captured: { weight: 90, method: SOLD, stories: ['capture_all', 'capture_parts', 'capture_parts'], ends: [] },
  not_captured: { weight: 20, method: SOLD, stories: ['capture_cancel', 'capture_cancel', 'capture_never'], ends: [] },
  /** Posted after the last heal, see `workload.ts`. */
  fresh: { weight: 0, method: SOLD, stories: ['watch'], ends: [] },
  raced: { weight: 30, method: SOLD, stories: ['capture_race'], ends: [] },
  /** The capture's answer is lost, so the capture is under way for as long as the other command needs. */
  raced_unanswered: { weight: 30, method: 'pm_lost_capture_reply', stories: ['capture_race'], ends: [] },
} as const satisfies Readonly<Record<string, OrderKind>>;
export type OrderKindName = keyof typeof ORDER_KINDS;

/** One order with everything that its client will do. */
export interface OrderPlan {
  readonly kind: OrderKindName;
  readonly story: Story;
  readonly tenant: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether the same request is sent twice at once, or again after its answer. */
  readonly repeat: 'none' | 'at_once' | 'later';
  /** Whether another body is sent under the same key. */
  readonly reusesKey: boolean;
  /** Whether another tenant tries to read the order. */
  readonly isSpiedOn: boolean;
}

/** Every mail address and phone number of the workload contains this; no log may. */
export const CANARY = 'canary-7f3a91';

const REPEATS = { atOnce: 0.06, later: 0.04 } as const;
const REUSED = 0.03;
const SPIED_ON = 0.03;

const KINDS = Object.entries(ORDER_KINDS) as [OrderKindName, OrderKind][];
const WEIGHT_SUM = KINDS.reduce((sum, [, { weight }]) => sum + weight, 0);

/** A sequence of plans that the seed decides; `run` makes their keys different from those of other runs. */
export function planOrders(random: Random, count: number, run: string): OrderPlan[] {
  return Array.from({ length: count }, (_, index) => planOrder(random.branch(`order ${index}`), `${run}-${index}`));
}

function planOrder(random: Random, key: string): OrderPlan {
  const [kind, { method, stories }] = pickKind(random);
  const story = random.pick(stories);
  const repeat = random.next();
  return {
    kind,
    story,
    tenant: pickTenant(random).id,
    key: `order-${key}`,
    body: bodyOf(random, { kind, method, isManual: story.startsWith('capture_'), name: key }),
    repeat: repeat < REPEATS.atOnce ? 'at_once' : repeat < REPEATS.atOnce + REPEATS.later ? 'later' : 'none',
    reusesKey: random.strikes(REUSED),
    isSpiedOn: random.strikes(SPIED_ON),
  };
}

function pickKind(random: Random): [OrderKindName, OrderKind] {
  let left = random.next() * WEIGHT_SUM;
  const found = KINDS.find(([, { weight }]) => (left -= weight) < 0);
  return found ?? ['plain', ORDER_KINDS.plain];
}

interface BodyFacts {
  readonly kind: OrderKindName;
  readonly method: string;
  readonly isManual: boolean;
  readonly name: string;
}

function bodyOf(random: Random, { kind, method, isManual, name }: BodyFacts): Record<string, unknown> {
  const ranks = new Set(Array.from({ length: linesOf(random) }, () => pickRank(random)));
  const lines = [...ranks].map((rank) => ({ rank, quantity: random.pick([1, 1, 1, 2, 3]) }));
  const totalMinor = lines.reduce((sum, { rank, quantity }) => sum + quantity * priceOf(rank), 0);
  const sold = lines.map(({ rank, quantity }) => ({ sku: skuOf(rank), quantity }));
  return {
    customer: { id: `customer-${random.between(1, 500)}`, email: `${CANARY}.${name}@example.com` },
    currency: kind === 'other_currency' ? 'USD' : 'EUR',
    lines: kind === 'unknown_sku' ? [...sold, { sku: 'CHAOS-UNKNOWN', quantity: 1 }] : sold,
    payment: { method, capture: isManual ? 'manual' : 'automatic' },
    ...(kind === 'price_changed' ? { expectedTotalMinor: totalMinor + 1 } : {}),
    ...(random.strikes(0.2) ? { reference: `cart-${name}` } : {}),
  };
}

/** One to five lines, two on average. */
function linesOf(random: Random): number {
  return random.pick([1, 1, 1, 2, 2, 2, 2, 3, 4, 5]);
}
