/** Watchers share a read: any number of pages cost one read in two seconds, which is how often each page gets one. */
const SHARED_FOR_MS = 1_900;

/** Makes a read that is shared by all callers that ask with the same key at about the same time. */
export function shareReads<Key, Value>(read: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const shared = new Map<Key, Promise<Value>>();
  return (key) => {
    const known = shared.get(key);
    if (known !== undefined) return known;
    const reading = read(key);
    shared.set(key, reading);
    const forget = (): void => void shared.delete(key);
    // A failure is shared no longer than a success would be.
    setTimeout(forget, SHARED_FOR_MS).unref();
    return reading;
  };
}
