import type { Database, Statement, Transaction } from '../../client.ts';

/** One act of an operator. */
export interface OperatorAction {
  /** Recording an act again under the same id writes nothing. */
  readonly actionId: string;
  readonly tenantId: string;
  readonly actor: string;
  readonly action: string;
  /** The thing that the act changed, for example a case id or a SKU. */
  readonly subject: string;
  readonly orderId: string | null;
  readonly reason: string | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  /** The request that it comes by; absent when it comes by none. */
  readonly requestId?: string | undefined;
}

/** The answer to a request that acts came by. */
export interface RequestOutcome {
  readonly requestId: string;
  readonly tenantId: string;
  /** HTTP status. */
  readonly status: number;
  /** The code of the problem; null for a success. */
  readonly code: string | null;
  /** What was done, in numbers. */
  readonly counts: Readonly<Record<string, number>> | null;
}

/** How often one act may be done to one thing. */
export interface ActionLimit {
  readonly max: number;
  readonly seconds: number;
}

/** The append-only record of acts that people did by hand. */
export interface OperatorActionRepository {
  record(action: OperatorAction): Promise<void>;
  /**
   * Records an act, unless acts of its kind were done to the same thing of the order too often within the limit's time.
   * @returns the seconds until the act is allowed; 0 when it is recorded, now or by an earlier call.
   */
  recordWithin(action: OperatorAction, limit: ActionLimit): Promise<number>;
  /** Records the answer to the request that did these acts; the first record of a request stays. */
  recordOutcome(actionIds: readonly string[], outcome: RequestOutcome): Promise<void>;
  /** What the act of this id changed; null when there is no such act. */
  findSubject(actionId: string): Promise<string | null>;
  /** Whether an act was recorded under this id. */
  exists(actionId: string): Promise<boolean>;
  listByOrder(tenantId: string, orderId: string): Promise<(OperatorAction & { readonly at: Date })[]>;
  /** The newest act of a kind; null when there is none. */
  findLatest(tenantId: string, action: string): Promise<(OperatorAction & { readonly at: Date }) | null>;
}

export function createOperatorActionRepository(db: Database): OperatorActionRepository {
  return {
    record: (action) => record(db, action),
    recordWithin: (action, { max, seconds }) =>
      db.transaction(async (tx) => {
        const { actionId, tenantId, orderId, action: kind, subject } = action;
        // Callers take turns, so that each counts the acts that the others have recorded.
        await tx.run(LOCK_SUBJECT, [`${tenantId}/${orderId}/${kind}/${subject}`]);
        const like = [tenantId, orderId, kind, subject];
        const [found] = await tx.run<{ waitSeconds: number }>(FIND_LIMIT, [actionId, ...like, max, seconds]);
        if (found !== undefined) return found.waitSeconds;
        await record(tx, action);
        return 0;
      }),
    recordOutcome: async (actionIds, { requestId, tenantId, status, code, counts }) => {
      const stored = counts === null ? null : JSON.stringify(counts);
      await db.run(RECORD_OUTCOME, [actionIds, requestId, tenantId, status, code, stored]);
    },
    findSubject: async (actionId) => {
      const [row] = await db.run<{ subject: string }>(FIND_SUBJECT, [actionId]);
      return row?.subject ?? null;
    },
    exists: async (actionId) => (await db.run(FIND_ACTION, [actionId])).length > 0,
    listByOrder: (tenantId, orderId) => db.run(LIST_ACTIONS, [tenantId, orderId]),
    findLatest: async (tenantId, action) => {
      const [row] = await db.run<OperatorAction & { at: Date }>(LATEST_ACTION, [tenantId, action]);
      return row ?? null;
    },
  };
}

async function record(db: Transaction, act: OperatorAction): Promise<void> {
  const { actionId, tenantId, actor, action, subject, orderId, reason, before, after } = act;
  const stored = [before, after].map((value) => (value === null ? null : JSON.stringify(value)));
  const values = [actionId, tenantId, actor, action, subject, orderId, reason, ...stored, act.requestId ?? null];
  await db.run(RECORD_ACTION, values);
}

const LOCK_SUBJECT: Statement = {
  name: 'lock_operator_action_subject',
  text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
};

/**
 * Answers 0 when the act was recorded before, else the seconds until the oldest of the last `max` acts is old enough.
 * There is no row when the act is allowed now.
 */
const FIND_LIMIT: Statement = {
  name: 'find_operator_action_limit',
  text: `
WITH known AS (SELECT 1 FROM audit.operator_actions WHERE action_id = $1),
  oldest AS (
    SELECT ceil(extract(epoch FROM at - now()) + $7)::integer AS seconds FROM audit.operator_actions
    WHERE tenant_id = $2 AND order_id = $3 AND action = $4 AND subject = $5
    ORDER BY at DESC OFFSET $6 - 1 LIMIT 1
  )
SELECT 0 AS "waitSeconds" FROM known
UNION ALL
SELECT seconds FROM oldest WHERE seconds > 0 AND NOT EXISTS (SELECT 1 FROM known)`,
};

const RECORD_ACTION: Statement = {
  name: 'record_operator_action',
  text: `
INSERT INTO audit.operator_actions (action_id, tenant_id, actor, action, subject, order_id, reason, before, after,
  request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10)
ON CONFLICT (action_id) DO NOTHING`,
};

const RECORD_OUTCOME: Statement = {
  name: 'record_operator_outcome',
  text: `
INSERT INTO audit.operator_outcomes (action_id, request_id, tenant_id, status, code, counts)
SELECT unnest($1::text[]), $2, $3, $4, $5, $6::jsonb
ON CONFLICT (action_id, request_id) DO NOTHING`,
};

const FIND_SUBJECT: Statement = {
  name: 'find_operator_action_subject',
  text: 'SELECT subject FROM audit.operator_actions WHERE action_id = $1',
};

const FIND_ACTION: Statement = {
  name: 'find_operator_action',
  text: 'SELECT 1 FROM audit.operator_actions WHERE action_id = $1',
};

const ACTION = `action_id AS "actionId", tenant_id AS "tenantId", actor, action, subject, order_id AS "orderId", reason,
  before, after, at`;

const LATEST_ACTION: Statement = {
  name: 'latest_operator_action',
  text: `
SELECT ${ACTION} FROM audit.operator_actions WHERE tenant_id = $1 AND action = $2 ORDER BY at DESC LIMIT 1`,
};

const LIST_ACTIONS: Statement = {
  name: 'list_operator_actions',
  text: `
SELECT ${ACTION} FROM audit.operator_actions WHERE tenant_id = $1 AND order_id = $2 ORDER BY at, action_id`,
};
