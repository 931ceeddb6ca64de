import type { Database } from '../../client.ts';
import { CLAIM_EVENT_REQUEST } from './event-log-statements.ts';

/** Which request an `Idempotency-Key` of events belongs to. */
export interface EventRequestRepository {
  /**
   * Claims an id for a request, unless another one has claimed it.
   * @returns the hash of the request that has the id.
   */
  claim(requestId: string, requestHash: string): Promise<string>;
}

export function createEventRequestRepository(db: Database): EventRequestRepository {
  return {
    claim: async (requestId, requestHash) => {
      const [row] = await db.run<{ requestHash: string }>(CLAIM_EVENT_REQUEST, [requestId, requestHash]);
      return row?.requestHash ?? requestHash;
    },
  };
}
