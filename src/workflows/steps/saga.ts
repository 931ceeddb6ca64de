/** Undoes one step, and succeeds when there is nothing to undo. */
export type Undo = () => Promise<void>;

/** The compensations of one order. */
export interface Saga {
  /**
   * Registers an undo BEFORE its step is tried, because a step without an answer may have happened. An effect has one
   * undo, even if it is registered in several places.
   */
  undoWith(effect: string, undo: Undo): void;
  /**
   * Runs every undo, last registered first. Each undo is a step with its own retries that never gives up (`whenSpent:
   * 'persist'`), so a failure here is a bug and is thrown. Nothing can cancel it, because the whole order runs in a
   * non-cancellable scope.
   */
  unwind(): Promise<void>;
}

export function createSaga(): Saga {
  const undos = new Map<string, Undo>();
  return {
    undoWith: (effect, undo) => {
      if (!undos.has(effect)) undos.set(effect, undo);
    },
    unwind: async () => {
      for (const [effect, undo] of [...undos].toReversed()) {
        undos.delete(effect);
        await undo();
      }
    },
  };
}
