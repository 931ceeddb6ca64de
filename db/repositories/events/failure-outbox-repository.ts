import type { UnpublishedFailure } from '../../../src/domain/event.ts';
import type { Database, Statement } from '../../client.ts';

/** Events that were given up, which the log does not tell of yet. */
export interface FailureOutboxRepository {
  /**
   * The failures so far, those of one cause counted together, the oldest first. Later failures are counted apart, so
   * that the same rows come again, unchanged, until they are removed.
   */
  take(limit: number): Promise<UnpublishedFailure[]>;
  /** Removes failures that the log tells of. */
  remove(failures: readonly Pick<UnpublishedFailure, 'position'>[]): Promise<void>;
}

/** A row that a pump counts in right now is left to the next time, so that neither waits for the other. */
const TAKE_FAILURES: Statement = {
  name: 'take_failures',
  text: `
UPDATE events.failure_outbox SET taken = true
WHERE position IN (
  SELECT position FROM events.failure_outbox WHERE NOT taken ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED
)`,
};

const LIST_FAILURES: Statement = {
  name: 'list_taken_failures',
  text: `
SELECT b.position, b.consumer, b.partition, b.tenant_id AS "tenantId", b.error_code AS "errorCode", b.count, b.sequence,
  b.last_sequence AS "lastSequence", b.event_id AS "eventId", b.type, b.attempts, b.failed_at AS "failedAt",
  r.correlation_id AS "correlationId", r.traceparent
FROM events.failure_outbox b
LEFT JOIN events.raw_events r ON r.partition = b.partition AND r.sequence = b.sequence AND r.received_at = b.received_at
WHERE b.taken ORDER BY b.position LIMIT $1`,
};

const REMOVE_FAILURES: Statement = {
  name: 'remove_published_failures',
  text: `DELETE FROM events.failure_outbox WHERE position = ANY ($1::bigint[])`,
};

export function createFailureOutboxRepository(db: Database): FailureOutboxRepository {
  return {
    take: async (limit) => {
      await db.run(TAKE_FAILURES, [limit]);
      return db.run<UnpublishedFailure>(LIST_FAILURES, [limit]);
    },
    remove: async (failures) => {
      await db.run(REMOVE_FAILURES, [failures.map(({ position }) => position)]);
    },
  };
}
