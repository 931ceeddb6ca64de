import type { EventRequestRepository } from '../../../db/repositories/events/event-request-repository.ts';
import type { RequestHasher } from '../../domain/personal-data/request-hash.ts';
import { eventRequestIdFor } from '../../domain/event.ts';
import type { EventBody } from './event-body.ts';
import { ProblemError } from '../http/problem.ts';

export interface EventRequestDeps {
  readonly eventRequests: EventRequestRepository;
  readonly hasher: RequestHasher;
}

/**
 * Ensures that a key belongs to this body, as long as its events are kept.
 * @throws {ProblemError} `idempotency_key_reused`.
 */
export async function claimEventRequest(
  { eventRequests, hasher }: EventRequestDeps,
  { tenantId, idempotencyKey }: { readonly tenantId: string; readonly idempotencyKey: string },
  { format, json }: EventBody,
): Promise<void> {
  const requestId = eventRequestIdFor(tenantId, idempotencyKey);
  const asked = hasher.hash(requestId, { format, json });
  if (asked.isSameAs(await eventRequests.claim(requestId, asked.text))) return;
  throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to other events');
}
