/** Work that is repeated beside the requests. */
export interface BackgroundLoop {
  start(): void;
  stop(): void;
}

/**
 * Does `work`, which must not reject, at the start and then `intervalMs` after each end. The loop keeps no process
 * alive.
 */
export function createBackgroundLoop(intervalMs: number, work: () => Promise<void>): BackgroundLoop {
  let timer: NodeJS.Timeout | null = null;
  const loop = async (): Promise<void> => {
    await work();
    if (timer !== null) timer = setTimeout(() => void loop(), intervalMs).unref();
  };
  return {
    start: () => {
      timer ??= setTimeout(() => void loop(), 0).unref();
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
