import { createDraws } from '../bench/draws.ts';

/** Random numbers that a seed repeats. */
export interface Random {
  /** A number from 0 up to but not including 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True with the probability `share`, from 0 to 1. */
  strikes(share: number): boolean;
  /**
   * One of the items.
   * @throws {Error} when there is none.
   */
  pick<Item>(items: readonly Item[]): Item;
  /** The items in another order. */
  shuffle<Item>(items: readonly Item[]): Item[];
  /** A generator of its own by a name, so that more draws of one part do not change those of another. */
  branch(name: string): Random;
}

/** A generator whose draws follow from the seed alone. */
export function createRandom(seed: number): Random {
  const next = createDraws(seed);
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    between,
    strikes: (share) => next() < share,
    pick: (items) => {
      const item = items[between(0, items.length - 1)];
      if (item === undefined) throw new Error('there is nothing to pick from');
      return item;
    },
    shuffle: (items) => {
      const rest = [...items];
      return items.flatMap(() => rest.splice(between(0, rest.length - 1), 1));
    },
    branch: (name) => createRandom(hash(name, seed)),
  };
}

/** FNV-1a over the name, begun by the seed. */
function hash(name: string, seed: number): number {
  let value = (2_166_136_261 ^ seed) >>> 0;
  for (const letter of name) value = Math.imul(value ^ (letter.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  return value;
}
