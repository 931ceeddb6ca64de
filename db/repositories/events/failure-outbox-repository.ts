import type { UnpublishedFailure } from '../../../src/domain/event.ts';
import type { Database, Statement } from '../../client.ts';

/** Events that were given up, which the log does not tell of yet. */
export interface FailureOutboxRepository {
  /** The oldest failures. */
  list(limit: number): Promise<UnpublishedFailure[]>;
  /** Removes failures that the log tells of. */
  remove(failures: readonly Pick<UnpublishedFailure, 'position'>[]): Promise<void>;
}

const LIST_FAILURES: Statement = {
  name: 'list_unpublished_failures',
  text: `
SELECT b.position, b.consumer, b.partition, b.sequence, b.tenant_id AS "tenantId", b.event_id AS "eventId", b.type,
  b.error_code AS "errorCode", b.attempts, b.failed_at AS "failedAt", r.correlation_id AS "correlationId", r.traceparent
FROM events.failure_outbox b
LEFT JOIN events.raw_events r ON r.partition = b.partition AND r.sequence = b.sequence AND r.received_at = b.received_at
ORDER BY b.position LIMIT $1`,
};

const REMOVE_FAILURES: Statement = {
  name: 'remove_published_failures',
  text: `DELETE FROM events.failure_outbox WHERE position = ANY ($1::bigint[])`,
};

export function createFailureOutboxRepository(db: Database): FailureOutboxRepository {
  return {
    list: (limit) => db.run<UnpublishedFailure>(LIST_FAILURES, [limit]),
    remove: async (failures) => {
      await db.run(REMOVE_FAILURES, [failures.map(({ position }) => position)]);
    },
  };
}
