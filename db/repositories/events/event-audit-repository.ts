import { EVENT_CONSUMERS, type EventConsumer } from '../../../src/domain/event.ts';
import { WEBHOOK_TOPICS } from '../../../src/domain/webhook.ts';
import type { Database, Statement } from '../../client.ts';

/** One partition of the event log, in figures. */
export interface PartitionFigures {
  readonly partition: number;
  readonly nextSequence: number;
  /** Number of kept events, and their first and last sequence; all are 0 when there are none. */
  readonly events: number;
  readonly first: number;
  readonly last: number;
  /** Kept events whose id is unknown, or is stored for another place. */
  readonly strayIds: number;
}

/** The results of one consumer for one partition. */
export interface ConsumerFigures {
  readonly consumer: EventConsumer;
  readonly partition: number;
  readonly cursor: number;
  readonly nextSequence: number;
  /** Kept events up to the cursor that the consumer has to handle. */
  readonly events: number;
  /**
   * Sequences of events that are in none of the three tables, and of those that are in several of them; the first few.
   */
  readonly lost: number[];
  readonly doubled: number[];
}

/** A stretch of the log's kept events that is looked at in each partition. */
export interface EventStretch {
  readonly length: number;
  /** Where it lies, from 0 (the oldest events) to 1 (the newest). */
  readonly place: number;
}

/**
 * Figures of the event pipeline for the audit, of all kept events or of a stretch, whose end then counts as the end of
 * the log. Each method reads one snapshot per partition.
 */
export interface EventAuditRepository {
  listPartitions(stretch?: EventStretch): Promise<PartitionFigures[]>;
  listConsumers(stretch?: EventStretch): Promise<ConsumerFigures[]>;
}

/** A partition, and the first and last sequence of it that are looked at. */
interface PartitionRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** The partitions, each with the sequence of its first kept event and the sequence that its next event gets. */
const PARTITIONS: Statement = {
  name: 'audit_event_partitions',
  text: `
SELECT p.partition, p.next_sequence AS "nextSequence",
  coalesce((SELECT min(r.sequence) FROM events.raw_events r WHERE r.partition = p.partition), p.next_sequence) AS first
FROM events.partitions p ORDER BY p.partition`,
};

const PARTITION_FIGURES: Statement = {
  name: 'audit_event_partition',
  text: `
SELECT p.partition, least(p.next_sequence, $3::bigint + 1) AS "nextSequence", e.*
FROM events.partitions p CROSS JOIN LATERAL (
  SELECT count(*) AS events, coalesce(min(r.sequence), 0) AS first, coalesce(max(r.sequence), 0) AS last,
    count(*) FILTER (WHERE i.sequence IS NULL) AS "strayIds"
  FROM events.raw_events r LEFT JOIN events.event_ids i ON i.tenant_id = r.tenant_id AND i.event_id = r.event_id
    AND i.partition = r.partition AND i.sequence = r.sequence
  WHERE r.partition = p.partition AND r.sequence BETWEEN $2::bigint AND $3::bigint
) e
WHERE p.partition = $1`,
};

/** An event that is replayed keeps its earlier result until the new one replaces it. */
const CONSUMER_FIGURES: Statement = {
  name: 'audit_event_consumer',
  text: `
SELECT c.consumer, c.partition, c.sequence AS cursor, h.next_sequence AS "nextSequence", count(e.sequence) AS events,
  coalesce((array_agg(e.sequence ORDER BY e.sequence) FILTER (WHERE places = 0))[1:5], '{}') AS lost,
  coalesce((array_agg(e.sequence ORDER BY e.sequence) FILTER (WHERE places > 1))[1:5], '{}') AS doubled
FROM events.cursors c JOIN events.partitions h ON h.partition = c.partition
LEFT JOIN LATERAL (
  SELECT r.sequence, (p.sequence IS NOT NULL)::integer + (f.sequence IS NOT NULL)::integer
    + (w.sequence IS NOT NULL AND NOT (w.replayed AND p.sequence IS NOT NULL))::integer AS places
  FROM events.raw_events r
  LEFT JOIN events.processed_events p ON p.consumer = c.consumer AND p.partition = r.partition
    AND p.sequence = r.sequence AND p.received_at = r.received_at
  LEFT JOIN events.failed_events f ON f.consumer = c.consumer AND f.partition = r.partition AND f.sequence = r.sequence
  LEFT JOIN events.retrying_events w ON w.consumer = c.consumer AND w.partition = r.partition AND w.sequence = r.sequence
  WHERE r.partition = c.partition AND r.sequence <= c.sequence AND r.sequence BETWEEN $3::bigint AND $4::bigint
    AND (c.consumer <> 'webhooks' OR split_part(r.type, '.', 1) = ANY ($5::text[]))
) e ON true
WHERE c.consumer = $1 AND c.partition = $2
GROUP BY c.consumer, c.partition, c.sequence, h.next_sequence`,
};

export function createEventAuditRepository(db: Database): EventAuditRepository {
  return {
    listPartitions: async (stretch) => {
      const figures: PartitionFigures[] = [];
      for (const { partition, from, to } of await rangesOf(db, stretch)) {
        figures.push(...(await db.run<PartitionFigures>(PARTITION_FIGURES, [partition, from, to])));
      }
      return figures;
    },
    listConsumers: async (stretch) => {
      const figures: ConsumerFigures[] = [];
      for (const { partition, from, to } of await rangesOf(db, stretch)) {
        for (const consumer of EVENT_CONSUMERS) {
          const values = [consumer, partition, from, to, WEBHOOK_TOPICS];
          const rows = await db.run<ConsumerFigures>(CONSUMER_FIGURES, values);
          // The driver returns an array of int8 as text.
          figures.push(
            ...rows.map((row) => ({ ...row, lost: row.lost.map(Number), doubled: row.doubled.map(Number) })),
          );
        }
      }
      return figures;
    },
  };
}

/** Without a stretch everything is looked at, up to what arrives meanwhile. */
async function rangesOf(db: Database, stretch: EventStretch | undefined): Promise<PartitionRange[]> {
  const partitions = await db.run<{ partition: number; nextSequence: number; first: number }>(PARTITIONS, []);
  return partitions.map(({ partition, nextSequence, first }) => {
    if (stretch === undefined) return { partition, from: 0, to: Number.MAX_SAFE_INTEGER };
    const from = first + Math.round(Math.max(0, nextSequence - first - stretch.length) * stretch.place);
    const to = Math.min(from + stretch.length, nextSequence) - 1;
    return { partition, from, to };
  });
}
