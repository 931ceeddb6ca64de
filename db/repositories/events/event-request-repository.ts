import type { Database } from '../../client.ts';
import { CLAIM_EVENT_REQUEST } from './event-log-statements.ts';

/** Which request an `Idempotency-Key` of events belongs to. */
export interface EventRequestRepository {
  /** Gives an id to the first request that asks for it. @returns the hash of the one that has it. */
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
