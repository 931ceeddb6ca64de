/**
 * The parts that a benchmark has started, in order. All of them are undone in reverse, after success and failure alike.
 */
export interface Cleanup {
  /**
   * Registers how to undo a part.
   * @throws the reason of the interruption, after undoing the part at once, when the cleanup has already begun.
   */
  add(undo: () => Promise<void> | void): Promise<void>;
  /**
   * Undoes everything, newest first. A failure does not keep the others from being undone; the first failure is thrown.
   */
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
      // A part was still starting when the person pressed Ctrl-C.
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
