import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, but no longer than until `signal` is aborted; never rejects. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => {});
}
