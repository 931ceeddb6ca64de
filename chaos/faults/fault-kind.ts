import type { History } from '../history.ts';
import type { Random } from '../random.ts';
import type { Topology } from '../system/topology.ts';
import type { ControlledSystem } from '../system/system.ts';

/** Ends a fault. It may be called again when it has failed. */
export type Heal = () => Promise<void>;

/** One fault that is to begin. */
export interface FaultStart {
  readonly system: ControlledSystem;
  readonly target: string;
  readonly random: Random;
  /** How long the fault will last; a fault that is one act may need less. */
  readonly lengthMs: number;
  /** For single acts of a fault that the check must know, such as the orders that were terminated. */
  readonly history: History;
  /** Aborted when the fault must end. */
  readonly signal: AbortSignal;
  /** What an operator does when everything works again; once for each name. */
  readonly afterwards: (name: string, act: () => Promise<unknown>) => void;
  /** Lets clients post ordinary orders at once, beside the others. */
  readonly postOrders: (count: number) => Promise<void>;
}

/** A kind of fault. */
export interface FaultKind {
  readonly name: string;
  /** Shortest and longest time between the beginning and the heal, in milliseconds. */
  readonly lengthMs: readonly [shortest: number, longest: number];
  /** The names of what it can strike. */
  targets(topology: Topology): readonly string[];
  /** What no other fault may strike meanwhile; `*` is everything. By default it is the target. */
  claims?(target: string, topology: Topology): readonly string[];
  /** Why this machine cannot have it; null or absent when it can. */
  whyNot?(): string | null;
  /** Whether it ends a process of the product, whose memory then begins anew. */
  readonly restartsProduct?: boolean;
  /** Whether the orders that it strikes wait for an operator's repair after the run. */
  readonly needsRepair?: boolean;
  begin(start: FaultStart): Promise<Heal>;
}

/** The process of the system with this name. @throws {Error} when there is none. */
export function processNamed({ controls }: ControlledSystem, name: string) {
  const found = controls.processes.find((process) => process.name === name);
  if (found === undefined) throw new Error(`there is no process ${name}`);
  return found;
}

/** The process of the product with this name. @throws {Error} when there is none. */
export function productNamed({ controls }: ControlledSystem, name: string) {
  const found = controls.product.find((process) => process.name === name);
  if (found === undefined) throw new Error(`there is no process ${name}`);
  return found;
}
