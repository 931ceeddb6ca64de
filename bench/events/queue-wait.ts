/** A histogram in the form of Prometheus: the number of values up to each bound. */
export type Buckets = ReadonlyMap<number, number>;

const LINE = /^events_queue_wait_seconds_bucket\{(?<labels>[^}]*)\} (?<count>[\d.e+]+)$/gm;

/** Reads from the metrics of a worker how long events waited until it began to handle them, in seconds. */
export function parseQueueWait(metrics: string): Buckets {
  const buckets = new Map<number, number>();
  for (const { groups } of metrics.matchAll(LINE)) {
    const labels = groups?.['labels'] ?? '';
    const limit = /\ble="([^"]+)"/.exec(labels)?.[1];
    if (limit === undefined || !labels.includes('consumer="analytics"')) continue;
    buckets.set(limit === '+Inf' ? Infinity : Number(limit), Number(groups?.['count']));
  }
  return buckets;
}

/**
 * A percentile of the values between two readings, in milliseconds; values count as evenly spread within their bucket.
 * Null when there were no values.
 */
export function percentileBetween(before: Buckets, after: Buckets, percent: number): number | null {
  const counts = [...after]
    .toSorted(([one], [other]) => one - other)
    .map(([limit, count]) => ({ limit, count: count - (before.get(limit) ?? 0) }));
  const wanted = ((counts.at(-1)?.count ?? 0) * percent) / 100;
  let below = { limit: 0, count: 0 };
  for (const bucket of counts) {
    if (bucket.count >= wanted && bucket.count > 0) {
      if (bucket.limit === Infinity) return below.limit * 1_000;
      const share = (wanted - below.count) / (bucket.count - below.count);
      return (below.limit + share * (bucket.limit - below.limit)) * 1_000;
    }
    below = bucket;
  }
  return null;
}
