import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAttack } from './attacker.ts';
import { ATTACKS } from './attacks.ts';
import { lookInside, type Held } from './inside.ts';
import { liveBeside, type Seen } from './neighbor.ts';

/** The place of the attacks. */
export interface Scene {
  readonly url: string;
  readonly pid: number;
  readonly inspectPort: number;
  /** Tokens of two tenants. */
  readonly attacker: string;
  readonly neighbor: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly log: (line: string) => void;
}

/** Latency of the neighbor, in milliseconds. */
interface Latency {
  readonly postP50: number;
  readonly postP95: number;
  readonly getP50: number;
  readonly getP95: number;
}

/** The effect of an attack. */
export interface AttackResult {
  readonly name: string;
  readonly what: string;
  /** Medians of all rounds. */
  readonly calm: Latency;
  readonly attacked: Latency;
  readonly before: Held;
  readonly after: Held;
  readonly faults: readonly string[];
  readonly refusals: readonly string[];
  readonly verdict: 'held' | 'slowed' | 'leaked' | 'failed';
}

/** A neighbor may be slowed by a third. */
const SLOWED_MAX = 4 / 3;

/** Smaller differences come from the machine: a timer, another process, a garbage collection. */
const NOISE_MS = 5;

/** Memory that the neighbor's orders leave in caches during the rounds. */
const GROWTH_MAX_MIB = 48;
const DESCRIPTORS_MAX = 16;

/**
 * Time in which an attack opens its connections. Opening hundreds is a burst within the rate that its tenant may use;
 * the question is what they cost while they are open.
 */
const OPENING_MS = 4_000;

/** Longer than the server lets connections linger. */
const SETTLE_MS = 3_000;

/** Attacks and pauses in turn, and compares the neighbor's latencies. */
export async function attackInRounds(scene: Scene, name: string): Promise<AttackResult> {
  const spec = ATTACKS[name];
  if (spec === undefined) throw new RangeError(`there is no attack ${name}`);
  const { url, attacker, neighbor, rounds, seconds } = scene;
  const target = { url, token: attacker, orderId: await postUnrestingOrder(url, attacker) };
  const before = await lookInside(scene.inspectPort, scene.pid);
  const [calm, attacked]: [Seen[], Seen[]] = [[], []];
  const faults: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    calm.push(await liveBeside(url, neighbor, seconds));
    const attack = startAttack(name, target);
    await sleep(OPENING_MS);
    attacked.push(await liveBeside(url, neighbor, seconds));
    faults.push(...(await attack.stop()));
    await sleep(SETTLE_MS);
  }
  const after = await lookInside(scene.inspectPort, scene.pid);
  const refusals = [...calm, ...attacked].flatMap((seen) => seen.refusals);
  const figures = { calm: latencyOf(calm), attacked: latencyOf(attacked), before, after, faults, refusals };
  const result = { name, what: spec.what, ...figures, verdict: verdictOf(figures) };
  scene.log(rowOf(result).join('  '));
  return result;
}

async function postUnrestingOrder(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify({
      customer: { id: 'attacker' },
      currency: 'EUR',
      lines: [{ sku: 'SKU-0002', quantity: 1 }],
      payment: { method: 'pm_down' },
    }),
  });
  return ((await response.json()) as { id: string }).id;
}

type Figures = Omit<AttackResult, 'name' | 'what' | 'verdict'>;

function verdictOf({ calm, attacked, before, after, faults, refusals }: Figures): AttackResult['verdict'] {
  if (faults.length > 0 || refusals.length > 0) return 'failed';
  const isSlowed = (name: keyof Latency): boolean =>
    attacked[name] > calm[name] * SLOWED_MAX && attacked[name] - calm[name] > NOISE_MS;
  if ((['postP50', 'postP95', 'getP50', 'getP95'] as const).some(isSlowed)) return 'slowed';
  const isLeaked =
    after.mebibytes - before.mebibytes > GROWTH_MAX_MIB || after.descriptors - before.descriptors > DESCRIPTORS_MAX;
  return isLeaked ? 'leaked' : 'held';
}

function latencyOf(rounds: readonly Seen[]): Latency {
  const over = (of: (seen: Seen) => readonly number[], share: number): number =>
    quantile(
      rounds.map((seen) => quantile(of(seen), share)),
      0.5,
    );
  return {
    postP50: over(({ post }) => post, 0.5),
    postP95: over(({ post }) => post, 0.95),
    getP50: over(({ get }) => get, 0.5),
    getP95: over(({ get }) => get, 0.95),
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function rowOf({ name, calm, attacked, before, after, verdict }: AttackResult): string[] {
  const pair = (figure: keyof Latency): string => `${calm[figure].toFixed(1)} / ${attacked[figure].toFixed(1)}`;
  return [
    name,
    pair('postP50'),
    pair('postP95'),
    pair('getP50'),
    pair('getP95'),
    `${before.mebibytes} / ${after.mebibytes}`,
    `${before.descriptors} / ${after.descriptors}`,
    verdict,
  ];
}

/** The results in Markdown: calm / attacked, then before / after. */
export function tableOf(results: readonly AttackResult[]): string {
  const head = ['attack', 'POST p50', 'POST p95', 'GET p50', 'GET p95', 'MiB', 'descriptors', 'verdict'];
  const rows = [head, head.map(() => '---'), ...results.map(rowOf)];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
