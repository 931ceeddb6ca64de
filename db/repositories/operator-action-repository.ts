import type { Database, Statement } from '../client.ts';

/** One act of an operator. */
export interface OperatorAction {
  /** Repeating an act under its id writes nothing. */
  readonly actionId: string;
  readonly tenantId: string;
  readonly actor: string;
  readonly action: string;
  /** What it was done to, for example a case id or a SKU. */
  readonly subject: string;
  readonly orderId: string | null;
  readonly reason: string | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** The append-only record of what was done by hand. */
export interface OperatorActionRepository {
  record(action: OperatorAction): Promise<void>;
  /** Whether an act was written down under this id. */
  exists(actionId: string): Promise<boolean>;
  listByOrder(tenantId: string, orderId: string): Promise<(OperatorAction & { readonly at: Date })[]>;
}

/** Creates the repository over the `audit` schema. */
export function createOperatorActionRepository(db: Database): OperatorActionRepository {
  return {
    record: async ({ actionId, tenantId, actor, action, subject, orderId, reason, before, after }) => {
      const stored = [before, after].map((value) => (value === null ? null : JSON.stringify(value)));
      await db.run(RECORD_ACTION, [actionId, tenantId, actor, action, subject, orderId, reason, ...stored]);
    },
    exists: async (actionId) => (await db.run(FIND_ACTION, [actionId])).length > 0,
    listByOrder: (tenantId, orderId) => db.run(LIST_ACTIONS, [tenantId, orderId]),
  };
}

const RECORD_ACTION: Statement = {
  name: 'record_operator_action',
  text: `
INSERT INTO audit.operator_actions (action_id, tenant_id, actor, action, subject, order_id, reason, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb)
ON CONFLICT (action_id) DO NOTHING`,
};

const FIND_ACTION: Statement = {
  name: 'find_operator_action',
  text: 'SELECT 1 FROM audit.operator_actions WHERE action_id = $1',
};

const LIST_ACTIONS: Statement = {
  name: 'list_operator_actions',
  text: `
SELECT action_id AS "actionId", tenant_id AS "tenantId", actor, action, subject, order_id AS "orderId", reason, before,
  after, at
FROM audit.operator_actions WHERE tenant_id = $1 AND order_id = $2 ORDER BY at, action_id`,
};
