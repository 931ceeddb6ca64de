import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type { Database, Statement } from '../../client.ts';

/** Seconds that the rate and the latency look back. */
const STATS_WINDOW_SECONDS = 120;

/** Length of one point of the latency chart: at one order a second a point still covers ten orders. */
const LATENCY_STEP_SECONDS = 10;

/** Rows that a count reads at most, newest first by the index. A count that reached the limit is marked. */
const ROWS_MAX = 10_000;

/**
 * Orders that the charts read at most: 2 minutes at 400 orders a second, which take about 0.1 s. Above that rate the
 * oldest seconds are empty.
 */
const CHART_ROWS_MAX = 50_000;

/** Hours of orders that are counted by status; orders in motion are counted at any age. */
export const STATUS_WINDOW_HOURS = 24;

/** Causes of open cases that are listed one by one; more than fit on a screen are one incident. */
const CAUSES_MAX = 20;

/** Open cases of one cause. */
export interface OpenCause {
  readonly fingerprint: string;
  readonly step: string;
  readonly errorCode: string;
  readonly open: number;
  readonly oldestOpenedAt: Date;
}

/**
 * Latency from the order's creation to its confirmation, of automatically captured orders; null when none was
 * confirmed.
 */
export interface LatencyPoint {
  readonly at: Date;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** The figures of one tenant at one moment. */
export interface TenantStats {
  readonly at: Date;
  /** A status without orders is absent. */
  readonly byStatus: Partial<Record<OrderStatus, number>>;
  /** Whether older orders of the window were left out. */
  readonly isStatusCountCapped: boolean;
  /** Orders that were confirmed in each second of the window, oldest first; the last entry is the last whole second. */
  readonly confirmedPerSecond: readonly number[];
  /** The latency of the whole window. */
  readonly latency: Omit<LatencyPoint, 'at'>;
  readonly latencySteps: readonly LatencyPoint[];
  readonly openCases: number;
  readonly isCaseCountCapped: boolean;
  readonly oldestCaseOpenedAt: Date | null;
  /** The causes, most frequent first. */
  readonly causes: readonly OpenCause[];
}

/** Figures over one tenant's orders and cases. Each read is bounded by an index, a time and a number of rows. */
export interface StatsRepository {
  read(tenantId: string): Promise<TenantStats>;
}

interface CaseRow {
  readonly openCases: number;
  readonly oldestCaseOpenedAt: Date | null;
  readonly causes: readonly (Omit<OpenCause, 'oldestOpenedAt'> & { readonly oldestOpenedAt: string })[];
}

interface FlowRow extends Omit<LatencyPoint, 'at'> {
  readonly at: Date;
  readonly confirmedPerSecond: number[];
  readonly latencySteps: readonly (Omit<LatencyPoint, 'at'> & { readonly at: string })[];
}

export function createStatsRepository(db: Database): StatsRepository {
  return {
    read: async (tenantId) => {
      const [statuses, [flow], [cases]] = await Promise.all([
        db.run<{ status: OrderStatus; count: number }>(COUNT_BY_STATUS, [tenantId]),
        db.run<FlowRow>(READ_FLOW, [tenantId]),
        db.run<CaseRow>(COUNT_OPEN_CASES, [tenantId]),
      ]);
      return { ...statusFigures(statuses), ...flowFigures(flow), ...caseFigures(cases) };
    },
  };
}

function statusFigures(statuses: readonly { status: OrderStatus; count: number }[]) {
  const counted = statuses.reduce((sum, { count }) => sum + count, 0);
  return {
    byStatus: Object.fromEntries(statuses.map(({ status, count }) => [status, count])),
    isStatusCountCapped: counted >= ROWS_MAX,
  };
}

const NO_FLOW = { p50Ms: null, p95Ms: null, confirmedPerSecond: [], latencySteps: [] };

function flowFigures(flow: FlowRow | undefined) {
  const { at, p50Ms, p95Ms, confirmedPerSecond, latencySteps } = flow ?? { ...NO_FLOW, at: new Date() };
  return {
    at,
    confirmedPerSecond,
    latency: { p50Ms, p95Ms },
    latencySteps: latencySteps.map((step) => ({ ...step, at: new Date(step.at) })),
  };
}

const NO_CASES: CaseRow = { openCases: 0, oldestCaseOpenedAt: null, causes: [] };

function caseFigures({ openCases, oldestCaseOpenedAt, causes }: CaseRow = NO_CASES) {
  return {
    openCases: Math.min(openCases, ROWS_MAX),
    isCaseCountCapped: openCases > ROWS_MAX,
    oldestCaseOpenedAt,
    causes: causes.map((cause) => ({ ...cause, oldestOpenedAt: new Date(cause.oldestOpenedAt) })),
  };
}

/**
 * The newest orders of the window, and orders in motion at any age, because an order that hangs since yesterday matters
 * most. `NULLS LAST` matches the index, which would not be used otherwise.
 */
const COUNT_BY_STATUS: Statement = {
  name: 'count_orders_by_status',
  text: `
WITH recent AS (
  SELECT order_id, status FROM orders.orders
  WHERE tenant_id = $1 AND created_at > now() - interval '${STATUS_WINDOW_HOURS} hours'
  ORDER BY created_at DESC NULLS LAST, order_id DESC NULLS LAST LIMIT ${ROWS_MAX}
), moving AS (
  SELECT order_id, status FROM orders.orders
  WHERE tenant_id = $1 AND status IN ('PENDING', 'CANCELLING', 'REFUNDING')
  ORDER BY created_at LIMIT ${ROWS_MAX}
), counted AS (
  SELECT order_id, status FROM recent UNION SELECT order_id, status FROM moving
)
SELECT status, count(*)::integer AS count FROM counted GROUP BY status`,
};

/**
 * Rate and latency of the window. An index on `confirmed_at` would make every order slower, so orders are found by
 * their creation: an order that was confirmed after more than 15 minutes is in no chart.
 */
const READ_FLOW: Statement = {
  name: 'read_order_flow',
  text: `
WITH ended AS (
  SELECT date_trunc('second', now()) AS at
), newest AS (
  SELECT created_at, confirmed_at, capture_mode FROM orders.orders
  WHERE tenant_id = $1 AND created_at > now() - interval '15 minutes'
  ORDER BY created_at DESC NULLS LAST, order_id DESC NULLS LAST LIMIT ${CHART_ROWS_MAX}
), confirmed AS (
  SELECT confirmed_at, capture_mode = 'automatic' AS at_once,
    date_part('epoch', confirmed_at - created_at) * 1000 AS ms
  FROM newest, ended
  WHERE confirmed_at >= at - make_interval(secs => ${STATS_WINDOW_SECONDS}) AND confirmed_at < at
), seconds AS (
  SELECT slot, coalesce(count, 0)::integer AS count
  FROM generate_series(0, ${STATS_WINDOW_SECONDS - 1}) AS slot LEFT JOIN (
    SELECT ${STATS_WINDOW_SECONDS} - ceil(date_part('epoch', at - confirmed_at))::integer AS slot, count(*)
    FROM confirmed, ended GROUP BY 1
  ) AS found USING (slot)
), steps AS (
  SELECT to_timestamp(floor(date_part('epoch', confirmed_at) / ${LATENCY_STEP_SECONDS}) * ${LATENCY_STEP_SECONDS}) AS at,
    round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::integer AS "p50Ms",
    round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms))::integer AS "p95Ms"
  FROM confirmed WHERE at_once GROUP BY 1
)
SELECT at,
  (SELECT array_agg(count ORDER BY slot) FROM seconds) AS "confirmedPerSecond",
  (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::integer FROM confirmed WHERE at_once) AS "p50Ms",
  (SELECT round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms))::integer FROM confirmed WHERE at_once) AS "p95Ms",
  (SELECT coalesce(jsonb_agg(steps ORDER BY steps.at), '[]'::jsonb) FROM steps) AS "latencySteps"
FROM ended`,
};

/** Reads one row more than it returns, so that the caller notices the limit. */
const COUNT_OPEN_CASES: Statement = {
  name: 'count_open_cases',
  text: `
WITH newest AS (
  SELECT fingerprint, step_name AS step, error_code, opened_at FROM orders.cases
  WHERE tenant_id = $1 AND state = 'open' ORDER BY opened_at DESC NULLS LAST LIMIT ${ROWS_MAX + 1}
), causes AS (
  SELECT fingerprint, step, error_code AS "errorCode", count(*)::integer AS open, min(opened_at) AS "oldestOpenedAt"
  FROM newest GROUP BY fingerprint, step, error_code ORDER BY open DESC, fingerprint LIMIT ${CAUSES_MAX}
)
SELECT (SELECT count(*)::integer FROM newest) AS "openCases",
  (SELECT min(opened_at) FROM orders.cases WHERE tenant_id = $1 AND state = 'open') AS "oldestCaseOpenedAt",
  (SELECT coalesce(jsonb_agg(causes ORDER BY open DESC, fingerprint), '[]'::jsonb) FROM causes) AS causes`,
};
