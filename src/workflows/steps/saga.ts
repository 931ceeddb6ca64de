/** Undoes one step. It tolerates that there is nothing to undo. */
export type Undo = () => Promise<void>;

/** The compensations of one order. */
export interface Saga {
  /**
   * Registers an undo BEFORE its step is tried: a step without an answer may have happened. An effect has one undo,
   * wherever it is registered from.
   */
  undoWith(effect: string, undo: Undo): void;
  /**
   * Runs every undo, last registered first. Each one is a step with retries of its own that never gives up
   * (`whenSpent: 'persist'`), so a failure here is a bug and is not swallowed. Nothing can cancel it, because the
   * whole order runs in a non-cancellable scope.
   */
  unwind(): Promise<void>;
}

/** Creates an empty saga. */
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
