import type { Context } from 'hono';
import type {
  OperatorAction,
  OperatorActionRepository,
} from '../../db/repositories/audit/operator-action-repository.ts';
import type { ApiEnv } from './http/context.ts';

/** The operator who acts, and the request. */
export interface Operator {
  readonly tenantId: string;
  readonly actor: string;
  readonly requestId: string;
}

/** An operator's request that may be repeated under its key. */
export interface OperatorRequest extends Operator {
  readonly idempotencyKey: string;
}

/** The facts of an act for its record; facts that are left out are empty there. */
export interface OperatorAct {
  /**
   * An id that all repeats of a request share, if they count as one act; otherwise the act has the id of its request.
   */
  readonly actionId?: string;
  readonly action: string;
  /** The thing that the act changed, for example a case id or a SKU. */
  readonly subject: string;
  readonly orderId?: string;
  readonly reason?: string | null;
  readonly before?: OperatorAction['before'];
  readonly after?: OperatorAction['after'];
}

/** The caller of a request, in the form of the record of acts. */
export function operatorOf(c: Pick<Context<ApiEnv>, 'get'>): Operator {
  const { tenantId, subject: actor } = c.get('caller');
  return { tenantId, actor, requestId: c.get('requestId') };
}

/** Records an act. It is called before the act, so that no act lacks its record. */
export function recordAction(
  actions: Pick<OperatorActionRepository, 'record'>,
  operator: Operator,
  act: OperatorAct,
): Promise<void> {
  return actions.record(operatorActionOf(operator, act));
}

/** The stored form of an act. */
export function operatorActionOf({ tenantId, actor, requestId }: Operator, act: OperatorAct): OperatorAction {
  const { actionId = `act_${requestId}`, action, subject, orderId, reason, before, after } = act;
  return {
    actionId,
    tenantId,
    actor,
    action,
    subject,
    orderId: orderId ?? null,
    reason: reason ?? null,
    before: before ?? null,
    after: after ?? null,
  };
}
