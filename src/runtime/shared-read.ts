/** Watchers share a read: any number of pages cost one in two seconds, as often as each is sent one. */
const SHARED_FOR_MS = 1_900;

/** Makes a read that is shared by all who ask with the same key at about the same time. */
export function shareReads<Key, Value>(read: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const shared = new Map<Key, Promise<Value>>();
  return (key) => {
    const known = shared.get(key);
    if (known !== undefined) return known;
    const reading = read(key);
    shared.set(key, reading);
    const forget = (): void => void shared.delete(key);
    // A failure is not shared any longer than the success would have been.
    setTimeout(forget, SHARED_FOR_MS).unref();
    return reading;
  };
}
