import { JOB, WINDOW, type Page } from './panels.ts';

const POST = `http_route="/v1/orders",http_request_method="POST",${JOB}`;

export const ordersPage: Page = {
  uid: 'orders',
  title: 'orders',
  description: 'How orders come in, how they end, and whether the objectives are met.',
  rows: [
    {
      title: 'Objectives',
      panels: [
        {
          title: 'Posted orders that are answered with an error',
          description: 'The objective is at most 0.1 %. Alerts: 1.44 % for 5 min and 1 h, 0.6 % for 30 min and 6 h.',
          unit: 'percentunit',
          runbook: 'orders-are-refused-or-accepted-slowly',
          queries: [
            { expr: 'orders:accept_errors:ratio_rate5m', legend: '5 min' },
            { expr: 'orders:accept_errors:ratio_rate1h', legend: '1 h' },
            { expr: 'orders:accept_errors:ratio_rate6h', legend: '6 h' },
          ],
        },
        {
          title: 'Time to accept an order',
          description: 'The objective is 100 ms for 95 % of the orders.',
          unit: 's',
          runbook: 'orders-are-refused-or-accepted-slowly',
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: `histogram_quantile(${share}, sum by (le) (rate(http_server_request_duration_seconds_bucket{${POST},http_response_status_code="202"}[${WINDOW}])))`,
            legend: `${share * 100} %`,
          })),
        },
        {
          title: 'Orders that are not at rest within 5 s',
          description: 'The objective is at most 1 %. Alerts: 14.4 % for 5 min and 1 h, 6 % for 30 min and 6 h.',
          unit: 'percentunit',
          runbook: 'orders-end-slowly',
          queries: [
            { expr: 'orders:late:ratio_rate5m', legend: '5 min' },
            { expr: 'orders:late:ratio_rate1h', legend: '1 h' },
            { expr: 'orders:late:ratio_rate6h', legend: '6 h' },
          ],
        },
        {
          title: 'Age of the oldest order on the task queue',
          description: 'Above BACKLOG_MAX_AGE_SECONDS (60 s), new orders are refused.',
          unit: 's',
          runbook: 'the-backlog-is-old',
          queries: [{ expr: `max(orders_backlog_age_seconds{${JOB}})`, legend: 'oldest order' }],
        },
      ],
    },
    {
      title: 'Orders',
      panels: [
        {
          title: 'Orders that were accepted',
          description:
            'A repeated key is answered again and makes no second order. Eager orders start where they came.',
          unit: 'cps',
          queries: [
            { expr: `sum by (dispatch) (rate(orders_started_total{${JOB}}[${WINDOW}]))`, legend: 'new, {{dispatch}}' },
            { expr: `sum(rate(orders_accepted_total{replayed="true",${JOB}}[${WINDOW}]))`, legend: 'repeated' },
          ],
        },
        {
          title: 'Statuses that orders enter',
          description: 'By status, and a refusal by its reason.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (status, reason) (rate(order_transitions_total{${JOB}}[${WINDOW}]))`,
              legend: '{{status}} {{reason}}',
            },
          ],
        },
        {
          title: 'Orders in motion',
          description: 'Orders that something is being done for; those that wait for a person are among them.',
          unit: 'short',
          queries: [{ expr: `max by (status) (orders_in_motion{${JOB}})`, legend: '{{status}}' }],
        },
        {
          title: 'Age of the oldest order in motion',
          description: 'It grows while an order is parked, or while nothing carries it.',
          unit: 's',
          runbook: 'an-order-is-parked',
          queries: [{ expr: `max by (status) (orders_in_motion_oldest_age_seconds{${JOB}})`, legend: '{{status}}' }],
        },
        {
          title: 'Commands that own an order',
          description: 'Cancels, captures and refunds under way, and how long the quietest one has been quiet.',
          unit: 'short',
          queries: [
            { expr: `max(order_commands_open{${JOB}})`, legend: 'open' },
            { expr: `max(order_commands_quiet_seconds{${JOB}})`, legend: 'quiet, in seconds' },
          ],
        },
        {
          title: 'Stock that is held',
          description: 'Lines that hold stock, and for how long an expired hold has not been released.',
          unit: 'short',
          runbook: 'stock-stays-held',
          queries: [
            { expr: `max(stock_holds{${JOB}})`, legend: 'lines' },
            { expr: `max(stock_holds_overdue_seconds{${JOB}})`, legend: 'overdue, in seconds' },
          ],
        },
      ],
    },
    {
      title: 'Steps',
      panels: [
        {
          title: 'Tries of steps that failed',
          description: 'By the code of the failure (docs/errors.md).',
          unit: 'cps',
          queries: [
            { expr: `sum by (code) (rate(order_step_failures_total{${JOB}}[${WINDOW}])) > 0`, legend: '{{code}}' },
          ],
        },
        {
          title: 'Time of a try, 95th percentile',
          description: 'The same names whichever way a step runs.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (le, step) (rate(order_step_duration_seconds_bucket{${JOB}}[${WINDOW}])))`,
              legend: '{{step}}',
            },
          ],
        },
        {
          title: 'Steps',
          description: 'Tries by step and outcome.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (step, outcome) (rate(order_steps_total{${JOB}}[${WINDOW}])) > 0`,
              legend: '{{step}} {{outcome}}',
            },
          ],
        },
        {
          title: 'Effects that were undone',
          description: 'Compensations of refused and cancelled orders.',
          unit: 'cps',
          queries: [{ expr: `sum by (step) (rate(order_compensations_total{${JOB}}[${WINDOW}]))`, legend: '{{step}}' }],
        },
      ],
    },
    {
      title: 'People and requests',
      panels: [
        {
          title: 'Open cases',
          description: 'Orders that wait for a person.',
          unit: 'short',
          runbook: 'an-order-is-parked',
          queries: [{ expr: `max(cases_open{${JOB}})`, legend: 'open' }],
        },
        {
          title: 'Age of the oldest case',
          description: 'A person is called after 15 min.',
          unit: 's',
          runbook: 'an-order-is-parked',
          queries: [{ expr: `max(cases_oldest_age_seconds{${JOB}})`, legend: 'oldest' }],
        },
        {
          title: 'Requests by answer',
          description: 'All routes.',
          unit: 'reqps',
          queries: [
            {
              expr: `sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{${JOB}}[${WINDOW}]))`,
              legend: '{{http_response_status_code}}',
            },
          ],
        },
        {
          title: 'Refused callers',
          description: 'Requests without a good token, signature or scope.',
          unit: 'reqps',
          queries: [
            { expr: `sum by (reason) (rate(requests_refused_total{${JOB}}[${WINDOW}]))`, legend: '{{reason}}' },
          ],
        },
      ],
    },
  ],
};
