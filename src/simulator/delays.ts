/** Waits that can all be ended at once, so that the simulator closes without waiting for its own delays. */
export interface Delays {
  /** How many waits are under way. */
  readonly pending: number;
  /** `true` when the time has passed, `false` as soon as `stop()` is called. */
  wait(ms: number): Promise<boolean>;
  /** Ends all waits; later ones end at once. */
  stop(): void;
}

/** A fresh set of waits. */
export function createDelays(): Delays {
  const waiting = new Map<NodeJS.Timeout, (elapsed: boolean) => void>();
  let stopped = false;
  return {
    get pending() {
      return waiting.size;
    },
    wait(ms) {
      if (stopped) return Promise.resolve(false);
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(timer);
          resolve(true);
        }, ms);
        waiting.set(timer, resolve);
      });
    },
    stop() {
      stopped = true;
      for (const [timer, resolve] of waiting) {
        clearTimeout(timer);
        resolve(false);
      }
      waiting.clear();
    },
  };
}
