import type { CustomerErasureRepository } from '../../../db/repositories/orders/customer-erasure-repository.ts';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { base32Digest } from '../../domain/ids.ts';
import type { RequestHasher } from '../../domain/personal-data/request-hash.ts';
import { ProblemError } from '../http/problem.ts';
import { recordAction, type OperatorRequest } from '../operator-log.ts';
import { noteCounts } from '../request-outcome.ts';

export interface CustomerErasureDeps {
  readonly erasures: CustomerErasureRepository;
  readonly actions: OperatorActionRepository;
  readonly hasher: RequestHasher;
}

/** The customer to erase, and why. */
export interface ErasureWish {
  readonly customerId: string;
  /** The subject of the customer's own tokens, if it is not the id. */
  readonly subject?: string | undefined;
  readonly reason: string;
}

/** How far an erasure is. */
export interface ErasedCustomer {
  /** Stands where the customer's id stood. */
  readonly pseudonym: string;
  /** Orders that have the pseudonym now, those of earlier requests included. */
  readonly erased: number;
  /** Orders that still have the customer, because they are under way, or because there are very many. */
  readonly left: number;
}

/** Erases customers for their tenant. */
export interface CustomerErasure {
  /**
   * Erases the customer from all orders at rest. The act is recorded before, under the pseudonym, and its numbers after;
   * the id is recorded nowhere. A repeated request erases what has come to rest meanwhile.
   * @throws {ProblemError} `idempotency_key_reused`.
   */
  erase(request: OperatorRequest, wish: ErasureWish): Promise<ErasedCustomer>;
}

/** One statement locks this many orders, and takes about 20 ms. */
const BATCH = 200;

/** A request ends within seconds; who has more orders is erased by several requests. */
const BATCHES_MAX = 25;

export function createCustomerErasure({ erasures, actions, hasher }: CustomerErasureDeps): CustomerErasure {
  return {
    erase: async (request, { customerId, subject = customerId, reason }) => {
      const { tenantId, idempotencyKey } = request;
      const hash = hasher.hash(`customer\0${tenantId}`, customerId);
      const actionId = `act_erase_${base32Digest(`${tenantId}\0${idempotencyKey}`)}`;
      const known = await actions.findSubject(actionId);
      if (known !== null && !hash.isSameAs(known)) {
        throw new ProblemError(
          'idempotency_key_reused',
          'this Idempotency-Key belongs to the erasure of another customer',
        );
      }
      const pseudonym = hash.text;
      await recordAction(actions, request, { actionId, action: 'customer.erase', subject: pseudonym, reason });
      const erasure = { tenantId, customerId, subject, pseudonym };
      for (let batches = 0; batches < BATCHES_MAX; batches += 1) {
        if ((await erasures.erase(erasure, BATCH)) < BATCH) break;
      }
      const counts = await erasures.count(erasure);
      noteCounts(counts);
      return { pseudonym, ...counts };
    },
  };
}
