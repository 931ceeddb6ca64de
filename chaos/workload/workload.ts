import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from '../history.ts';
import { createRandom, type Random } from '../random.ts';
import type { ChaosSystem } from '../system/system.ts';
import { hireCrews, subscribeCrews, type Crew } from './crew.ts';
import { runEventOperator } from './event-operators.ts';
import { runProducer } from './event-producers.ts';
import { runOperators } from './operators.ts';
import { runOrder } from './order-client.ts';
import { planOrders, type OrderPlan } from './order-plans.ts';
import { runPoison } from './poison.ts';
import { seedTenants } from './tenants.ts';

/** How much work there is, and how fast it comes. */
export interface WorkloadOptions {
  readonly seed: number;
  readonly orders: number;
  /** Orders that are due each second; at most `UNDER_WAY_MAX` of them are under way, so some come later. */
  readonly perSecond: number;
  readonly history: History;
  /** Ends the workload before its time. */
  readonly signal: AbortSignal;
}

/** What clients did. */
export interface WorkloadResult {
  /** Orders that a client wanted. */
  readonly orders: number;
  readonly seconds: number;
}

/** A webhook that waits for its next try. */
export interface WaitingDelivery {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly deliveryId: string;
}

/** A workload under way. */
export interface Workload {
  /**
   * Milliseconds of the workload that have been played: the moment at which the next order was due. It stands still while
   * too many orders are under way.
   */
  playedMs(): number;
  /** Resolves when the last order was due. */
  readonly posted: Promise<void>;
  /**
   * Resolves when every client has done what it wanted with its order, which takes until the system is healed; the
   * operators go on.
   */
  readonly finished: Promise<WorkloadResult>;
  /** Posts ordinary orders, and resolves when they are at rest. */
  postFresh(count: number): Promise<void>;
  /** Has webhooks sent again at once that would wait for minutes, as merchants do after their server was away. */
  redeliver(waiting: readonly WaitingDelivery[]): Promise<void>;
  /** Ends clients and operators. */
  stop(): Promise<void>;
}

/** What all parts of a workload share. */
interface Stage {
  readonly crews: readonly Crew[];
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Makes the keys of this run different from those of other runs. */
  readonly run: string;
  /** How long the orders take to come. */
  readonly seconds: number;
  readonly orders: number;
  readonly history: History;
}

/**
 * Orders that clients follow at once. Without a bound, thousands of clients would repeat their posts every second after
 * an outage, and the machine, which also runs the clients, would do little else until the end of the run.
 */
const UNDER_WAY_MAX = 80;

/** How often a client looks whether it is its turn. */
const TURN_MS = 100;

/** Requests with events for each order, and with mistakes. */
const SHARES = { events: 0.8, poison: 0.02 } as const;

/** Seeds the catalog, subscribes the webhooks, and sets clients and operators going. */
export async function startWorkload(system: ChaosSystem, options: WorkloadOptions): Promise<Workload> {
  const { seed, orders, perSecond, history } = options;
  const random = createRandom(seed).branch('workload');
  const run = `${seed}-${Date.now().toString(36)}`;
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  await seedTenants(system, orders);
  const crews = await hireCrews(system, { random, history, signal });
  await subscribeCrews(crews, system, run);
  const stage: Stage = { crews, random, signal, run, orders, history, seconds: orders / perSecond };
  const startedAt = performance.now();
  const flows: Promise<void>[] = [];
  let underWay = 0;
  let begun = 0;
  const posted = pace(stage, planOrders(random.branch('orders'), orders, run), {
    isFull: () => underWay >= UNDER_WAY_MAX,
    begin: (plan) => {
      underWay += 1;
      begun += 1;
      flows.push(follow(stage, plan).finally(() => (underWay -= 1)));
    },
  });
  const senders = [...startProducers(stage), startPoison(stage)];
  const operators = startOperators(stage);
  let batches = 0;
  return {
    posted,
    playedMs: () => (begun / perSecond) * 1_000,
    finished: posted.then(async () => {
      await Promise.all([...flows, ...senders]);
      return { orders, seconds: (performance.now() - startedAt) / 1_000 };
    }),
    postFresh: async (count) => {
      batches += 1;
      const name = `fresh-${batches}`;
      const fresh = planOrders(random.branch(name), count, `${run}-${name}`).map(asPlain);
      await Promise.all(fresh.map((plan) => follow(stage, plan)));
    },
    redeliver: async (waiting) => {
      for (const delivery of waiting) await redeliver(stage, delivery);
    },
    stop: async () => {
      stopped.abort();
      await Promise.allSettled([posted, ...flows, ...senders, ...operators]);
    },
  };
}

/** Calls `begin` for each plan when it is due, or later where too many are under way. */
async function pace(
  { signal, seconds }: Stage,
  plans: readonly OrderPlan[],
  { isFull, begin }: { readonly isFull: () => boolean; readonly begin: (plan: OrderPlan) => void },
): Promise<void> {
  const startedAt = performance.now();
  for (const [index, plan] of plans.entries()) {
    const early = startedAt + (index * seconds * 1_000) / plans.length - performance.now();
    if (early > 0) await sleep(early, undefined, { signal }).catch(() => {});
    while (isFull() && !signal.aborted) await sleep(TURN_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    begin(plan);
  }
}

function follow({ crews, random, signal }: Stage, plan: OrderPlan): Promise<void> {
  const at = crews.findIndex(({ tenant }) => tenant.id === plan.tenant);
  const [own, other] = [crews[at], crews[(at + 1) % crews.length]];
  if (own === undefined || other === undefined) throw new Error(`no crew for ${plan.tenant}`);
  return runOrder({ plan, shop: own.shop, spy: other.shop, random: random.branch(plan.key), signal });
}

async function redeliver({ crews }: Stage, { tenantId, subscriptionId, deliveryId }: WaitingDelivery): Promise<void> {
  const crew = crews.find(({ tenant }) => tenant.id === tenantId);
  const path = `/v1/webhooks/${subscriptionId}/deliveries/${deliveryId}/redeliver`;
  await crew?.shop.ask({ op: 'redeliver', method: 'POST', path });
}

/** An order without a fault of its own, so its end says how the system is. */
function asPlain(plan: OrderPlan): OrderPlan {
  const {
    lines,
    expectedTotalMinor: _,
    ...body
  } = plan.body as { lines: readonly object[]; expectedTotalMinor?: number };
  return {
    ...plan,
    kind: 'fresh',
    story: 'watch',
    body: { ...body, currency: 'EUR', lines: lines.slice(0, 1), payment: { method: 'pm_ok' } },
    repeat: 'none',
    reusesKey: false,
    isSpiedOn: false,
  };
}

function startProducers({ crews, random, signal, run, seconds, orders }: Stage): Promise<void>[] {
  return crews.flatMap(({ tenant, producers }) => {
    const requests = Math.ceil((orders * SHARES.events * tenant.share) / producers.length);
    return producers.map((client, index) => {
      const name = `${tenant.id}-${index}-${run}`;
      return runProducer({
        name,
        client,
        random: random.branch(name),
        signal,
        requests,
        pauseMs: (seconds * 1_000) / requests,
      });
    });
  });
}

function startPoison({ crews, random, signal, seconds, orders }: Stage): Promise<void> {
  const requests = Math.ceil(orders * SHARES.poison);
  const [crew] = crews;
  if (crew === undefined) return Promise.resolve();
  const pauseMs = (seconds * 1_000) / requests;
  return runPoison({ client: crew.shop, random: random.branch('poison'), signal, requests, pauseMs });
}

function startOperators({ crews, random, history, signal }: Stage): Promise<void>[] {
  return crews.flatMap(({ tenant, operators: [first, second] }) => [
    runOperators({ tenant: tenant.id, first, second, random: random.branch(`cases ${tenant.id}`), signal }),
    runEventOperator({ client: second, history, random: random.branch(`events ${tenant.id}`), signal }),
  ]);
}
