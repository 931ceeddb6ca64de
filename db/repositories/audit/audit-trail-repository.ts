import { sql, type SQL } from 'drizzle-orm';
import type { Database } from '../../client.ts';

/** Something that somebody has done: placed or commanded an order, or acted as an operator. */
export interface Act {
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
  /** Null for orders of earlier versions. */
  readonly actor: string | null;
  readonly action: string;
  readonly subject: string;
  readonly orderId: string | null;
  readonly reason: string | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly requestId: string | null;
  readonly correlationId: string | null;
  /** The HTTP status of the last answer; null when it is not known. */
  readonly status: number | null;
  /** The code of the problem that was answered, or the decision about a command. */
  readonly outcome: string | null;
  /** What was done, in numbers. */
  readonly counts: Readonly<Record<string, number>> | null;
}

/** Filters and page of the audit trail, newest first. */
export interface ActQuery {
  readonly tenantId: string;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** The thing that was changed, or the order. */
  readonly subject?: string | undefined;
  /** Acts at this time or later. */
  readonly from?: Date | undefined;
  /** Acts before this time. */
  readonly to?: Date | undefined;
  readonly before?: Pick<Act, 'at' | 'id'> | undefined;
  readonly limit: number;
}

/** Reads what was done in a tenant and by whom. */
export interface AuditTrailRepository {
  list(query: ActQuery): Promise<Act[]>;
}

export function createAuditTrailRepository(db: Database): AuditTrailRepository {
  return {
    list: async (query) => {
      const pages = [ORDERS, COMMANDS, ACTIONS].map((source) => pageOf(source, query));
      // Each source gives its own newest acts by its own index, so the server sorts a few pages and no history.
      const found = await db.query((orm) => orm.execute(sql`${sql.join(pages, sql` UNION ALL `)} ${newest(query)}`));
      return found.rows as unknown as Act[];
    },
  };
}

/** `reconcile` is an act of an operator too, and has its record there. */
const ORDERS = sql`
  SELECT tenant_id, order_id AS id, created_at AS done_at, placed_by AS actor, 'order.place'::text AS action,
    order_id AS subject, order_id, NULL::text AS reason, NULL::jsonb AS before, NULL::jsonb AS after,
    NULL::text AS request_id, correlation_id, 'accepted'::text AS decision
  FROM orders.orders`;
const COMMANDS = sql`
  SELECT tenant_id, command_id AS id, answered_at AS done_at, actor, 'order.' || kind AS action,
    order_id AS subject, order_id, reason, NULL::jsonb AS before,
    jsonb_strip_nulls(jsonb_build_object('amountMinor', amount_minor)) AS after,
    NULL::text AS request_id, NULL::text AS correlation_id, decision
  FROM orders.order_commands WHERE kind <> 'reconcile'`;
const ACTIONS = sql`
  SELECT tenant_id, action_id AS id, at AS done_at, actor, action,
    subject, order_id, reason, before, after, request_id, NULL::text AS correlation_id, NULL::text AS decision
  FROM audit.operator_actions`;

function pageOf(source: SQL, query: ActQuery): SQL {
  return sql`(
SELECT a.id, ${ISO} AS at, a.actor, a.action, a.subject, a.order_id AS "orderId", a.reason, a.before, a.after,
  coalesce(o.request_id, a.request_id) AS "requestId", a.correlation_id AS "correlationId", o.status,
  coalesce(o.code, a.decision) AS outcome, o.counts
FROM (SELECT * FROM (${source}) acts WHERE ${conditions(query)}
  ORDER BY done_at DESC NULLS LAST, id DESC NULLS LAST LIMIT ${query.limit}) a
LEFT JOIN LATERAL (
  SELECT request_id, status, code, counts FROM audit.operator_outcomes
  WHERE action_id = a.id AND tenant_id = a.tenant_id ORDER BY at DESC LIMIT 1
) o ON true)`;
}

const ISO = sql.raw(`to_char(a.done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);

function newest({ limit }: ActQuery): SQL {
  return sql`ORDER BY at DESC, id DESC LIMIT ${limit}`;
}

function conditions({ tenantId, actor, action, subject, from, to, before }: ActQuery): SQL {
  const wanted = [
    sql`tenant_id = ${tenantId}`,
    actor === undefined ? null : sql`actor = ${actor}`,
    action === undefined ? null : sql`action = ${action}`,
    subject === undefined ? null : sql`(subject = ${subject} OR order_id = ${subject})`,
    from === undefined ? null : sql`done_at >= ${from.toISOString()}::timestamptz`,
    to === undefined ? null : sql`done_at < ${to.toISOString()}::timestamptz`,
    before === undefined ? null : sql`(done_at, id) < (${before.at}::timestamptz, ${before.id}::text)`,
  ];
  return sql.join(
    wanted.filter((condition) => condition !== null),
    sql` AND `,
  );
}
