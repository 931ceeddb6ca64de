import { z } from 'zod';
import type { FaultKind } from './faults/fault-kind.ts';
import type { Random } from './random.ts';
import type { Topology } from './system/topology.ts';

const plannedFaultSchema = z.object({
  /** Its number in the plan, from 1. */
  id: z.number(),
  kind: z.string(),
  target: z.string(),
  /** Milliseconds after the first order. */
  startMs: z.number(),
  lengthMs: z.number(),
});

/** One fault of a plan. */
export type PlannedFault = Readonly<z.output<typeof plannedFaultSchema>>;

const planSchema = z.object({ faults: z.array(plannedFaultSchema) });

/** Which faults begin when, and how long they last. */
export interface Plan {
  readonly faults: readonly PlannedFault[];
}

/** What a plan is made for. */
export interface PlanOptions {
  readonly kinds: readonly FaultKind[];
  readonly topology: Topology;
  readonly faults: number;
  /** How long orders come. */
  readonly durationMs: number;
  /** No fault lasts longer. */
  readonly longestMs: number;
}

/** Faults that last at the same time. */
const AT_ONCE_MAX = 3;

/** Faults come in rounds with a calm end, in which everything works for some seconds. */
const ROUND_MS = 20_000;
const CALM_MS = 3_000;

/** The first orders meet no fault. */
const QUIET_START_MS = 2_000;

/** Draws for one fault until it fits beside the others. */
const TRIES_MAX = 400;
const OWN_PLACE_TRIES = 20;

/**
 * Makes a plan in which every kind comes equally often, in a random order, and strikes each of its targets equally often;
 * no two faults at once strike the same part.
 */
export function makePlan(options: PlanOptions, random: Random): Plan {
  const { kinds, topology, faults, durationMs, longestMs } = options;
  const planned: PlannedFault[] = [];
  const deck = createDeck(kinds, random);
  const targetDecks = new Map(kinds.map((kind) => [kind.name, createDeck(kind.targets(topology), random)]));
  const everyMs = durationMs / faults;
  for (let id = 1; id <= faults; id += 1) {
    const kind = deck();
    const target = targetDecks.get(kind.name)?.() ?? kind.name;
    const [shortest, longest] = kind.lengthMs;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const lengthMs = random.between(Math.min(shortest, longestMs), Math.min(longest, longestMs));
      // A fault that does not fit in its own place may come at any time.
      const place = tries < OWN_PLACE_TRIES ? everyMs * (id - 1 + random.next()) : durationMs * random.next();
      const startMs = Math.round(QUIET_START_MS + (place * (durationMs - QUIET_START_MS)) / durationMs);
      const fault = { id, kind: kind.name, target, startMs, lengthMs };
      if (!fits(fault, planned, options)) continue;
      planned.push(fault);
      break;
    }
  }
  return { faults: planned.toSorted((one, other) => one.startMs - other.startMs) };
}

/** Deals all cards before it deals one again. */
function createDeck<Card>(cards: readonly Card[], random: Random): () => Card {
  let rest: Card[] = [];
  return () => {
    if (rest.length === 0) rest = random.shuffle(cards);
    const card = rest.pop();
    if (card === undefined) throw new Error('there is nothing to choose from');
    return card;
  };
}

function fits(fault: PlannedFault, planned: readonly PlannedFault[], options: PlanOptions): boolean {
  const endMs = fault.startMs + fault.lengthMs;
  if (endMs > options.durationMs || fault.startMs % ROUND_MS > ROUND_MS - CALM_MS) return false;
  const besides = planned.filter((other) => other.startMs < endMs && fault.startMs < other.startMs + other.lengthMs);
  const claimed = new Set(besides.flatMap((other) => claimsOf(other, options)));
  const claims = claimsOf(fault, options);
  if (besides.length >= AT_ONCE_MAX || claimed.has('*') || (claims.includes('*') && besides.length > 0)) return false;
  return !claims.some((claim) => claimed.has(claim));
}

function claimsOf({ kind: name, target }: PlannedFault, { kinds, topology }: PlanOptions): readonly string[] {
  const kind = kinds.find((candidate) => candidate.name === name);
  return kind?.claims?.(target, topology) ?? [target];
}

/** Reads a plan that a run has saved. @throws {z.ZodError} */
export function parsePlan(text: string): Plan {
  return planSchema.parse(JSON.parse(text));
}

/** One line per fault, for people. */
export function planText({ faults }: Plan): string {
  return faults
    .map(({ id, kind, target, startMs, lengthMs }) => {
      const at = (startMs / 1_000).toFixed(1).padStart(6);
      return `  ${String(id).padStart(3)}  ${at} s  for ${(lengthMs / 1_000).toFixed(1)} s  ${kind} at ${target}`;
    })
    .join('\n');
}
