import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind, FaultStart, Heal } from './faults/fault-kind.ts';
import type { History } from './history.ts';
import { PASS } from './links/link-mode.ts';
import type { Plan, PlannedFault } from './plan.ts';
import type { Random } from './random.ts';
import type { ControlledSystem } from './system/system.ts';

/** What the nemesis needs. */
export interface NemesisOptions {
  readonly system: ControlledSystem;
  readonly plan: Plan;
  readonly kinds: readonly FaultKind[];
  readonly history: History;
  readonly random: Random;
  readonly postOrders: (count: number) => Promise<void>;
  /**
   * The clock of the plan, in milliseconds. It follows the workload, so that a machine that is behind does not meet all
   * faults within the first orders.
   */
  readonly playedMs: () => number;
  readonly log: (line: string) => void;
  /** Ends the plan before its time; faults that have begun are healed. */
  readonly signal: AbortSignal;
}

/** Plays a plan. */
export interface Nemesis {
  /** Resolves when every fault of the plan was healed. */
  readonly finished: Promise<void>;
  /**
   * Makes sure that everything works: all links pass, all processes run. A process that does not serve is told of; what
   * follows from that is for the check to find.
   */
  healAll(): Promise<void>;
  /** Does what operators do after the faults; what does not succeed is for the check to find. */
  mendAll(): Promise<void>;
}

/** A heal that fails is repeated, because the part that it needs may be away. */
const HEAL_TRIES = 5;
const HEAL_AGAIN_MS = 1_000;

/** How long a process may take to serve after its heal; on a busy machine a start alone takes half a minute. */
const RECOVERED_WITHIN_MS = 120_000;

/** How often a fault looks whether it is due. */
const LOOK_MS = 50;

/** Begins the plan now. */
export function startNemesis(options: NemesisOptions): Nemesis {
  const { system, plan, signal, log } = options;
  const mends = new Map<string, () => Promise<unknown>>();
  const strike = async (fault: PlannedFault): Promise<void> => {
    while (options.playedMs() < fault.startMs && !signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) return;
    await playFault(fault, options, (name, act) => void mends.set(name, act));
  };
  return {
    finished: Promise.all(plan.faults.map(strike)).then(() => {}),
    healAll: async () => {
      const { links, processes, receiver, postgres } = system.controls;
      for (const link of links.values()) await link.set(PASS);
      await postgres.disk?.free();
      for (const process of processes) {
        process.thaw();
        await process.start();
      }
      const within = AbortSignal.timeout(RECOVERED_WITHIN_MS);
      const problems = await Promise.allSettled(processes.map((process) => process.untilServing(within)));
      for (const each of problems) if (each.status === 'rejected') log(describe(each.reason));
      await receiver.answer({ kind: 'take' }).catch((error: unknown) => log(describe(error)));
    },
    mendAll: async () => {
      const each = async ([name, mend]: [string, () => Promise<unknown>]): Promise<void> => {
        await mend().catch((error: unknown) => log(`not done: ${name}: ${describe(error)}`));
      };
      await Promise.all([...mends].map(each));
    },
  };
}

/** From the beginning to the heal; the history tells of both. */
async function playFault(
  { id, kind: name, target, lengthMs }: PlannedFault,
  { system, kinds, history, random, postOrders, log, signal }: NemesisOptions,
  afterwards: FaultStart['afterwards'],
): Promise<void> {
  const kind = kinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`there is no kind of fault ${name}`);
  const note = { who: 'nemesis', op: 'fault', key: String(id), data: { kind: name, target } } as const;
  const over = new AbortController();
  const ending = AbortSignal.any([over.signal, signal]);
  history.write({ ...note, type: 'invoke' });
  log(`fault ${id}: ${name} at ${target} for ${(lengthMs / 1_000).toFixed(1)} s`);
  let heal: Heal;
  try {
    const branch = random.branch(`fault ${id}`);
    heal = await kind.begin({
      system,
      target,
      lengthMs,
      random: branch,
      history,
      signal: ending,
      afterwards,
      postOrders,
    });
  } catch (error) {
    log(`fault ${id}: ${name} did not begin: ${describe(error)}`);
    history.write({ ...note, type: 'fail', data: { ...note.data, error: describe(error) } });
    return;
  }
  await sleep(lengthMs, undefined, { signal }).catch(() => {});
  over.abort();
  await healSurely(heal, (problem) => log(`fault ${id}: ${name} is not healed yet: ${problem}`));
  history.write({ ...note, type: 'ok' });
}

async function healSurely(heal: Heal, say: (problem: string) => void): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await heal();
      return;
    } catch (error) {
      say(describe(error));
      if (tries === HEAL_TRIES) return;
      await sleep(HEAL_AGAIN_MS);
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
