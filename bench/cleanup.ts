/** What a benchmark has started, in order; everything is undone in reverse, whatever went wrong. */
export interface Cleanup {
  /**
   * Remembers how to undo something.
   * @throws the reason of the interruption, after undoing it at once, when the cleanup has begun already.
   */
  add(undo: () => Promise<void> | void): Promise<void>;
  /** Undoes everything, newest first; later ones run although earlier ones fail, and the first failure is thrown. */
  run(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const undos: (() => Promise<void> | void)[] = [];
  let running: Promise<void> | null = null;

  const runAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  return {
    add: async (undo) => {
      if (running === null) {
        undos.push(undo);
        return;
      }
      // Something was still starting when the person pressed Ctrl-C.
      await undo();
      throw new InterruptedError();
    },
    run: () => (running ??= runAll()),
  };
}

/** The person has ended the benchmark. */
class InterruptedError extends Error {
  constructor() {
    super('interrupted');
    this.name = 'InterruptedError';
  }
}
