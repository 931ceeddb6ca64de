/** Longer than this no orchestrator waits for a probe. */
const PROBE_TIMEOUT_MS = 1_000;

/** The status of an answer; null when there is none within a second, or another time. */
export async function probe(url: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<number | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.status ?? null;
}

/** Orchestrators try several times before they believe that a process does not answer. */
const TRIES = 5;

/** The status of the first answer to several probes; an answer counts, whatever it says. */
export async function probed(url: string): Promise<number | null> {
  for (let tried = 1; tried < TRIES; tried += 1) {
    const status = await probe(url);
    if (status !== null) return status;
  }
  return probe(url);
}
