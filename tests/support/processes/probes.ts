/** Longer than this no orchestrator waits for a probe. */
const PROBE_TIMEOUT_MS = 1_000;

/** The status of an answer; null when there is none within a second. */
export async function probe(url: string): Promise<number | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.status ?? null;
}
