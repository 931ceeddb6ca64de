import { JOB, WINDOW, type Page } from './panels.ts';

/** A percentile of one of the SDK's histograms. */
const p95 = (metric: string, by: string): string =>
  `histogram_quantile(0.95, sum by (le, ${by}) (rate(${metric}_bucket{${JOB}}[${WINDOW}])))`;

export const temporalPage: Page = {
  uid: 'temporal',
  title: 'Temporal',
  description:
    "Temporal and the other dependencies, as the service and its SDK see them. Names that begin with temporal_ are the SDK's.",
  rows: [
    {
      title: 'Dependencies',
      panels: [
        {
          title: 'Temporal answers',
          description: '1 or 0, of the process that reaches it worst.',
          unit: 'short',
          runbook: 'temporal-is-down',
          queries: [{ expr: `min(temporal_up{${JOB}})`, legend: 'up' }],
        },
        {
          title: 'Other dependencies answer',
          description: '1 or 0, of the process that reaches them worst.',
          unit: 'short',
          runbook: 'postgresql-is-down',
          queries: [{ expr: `min by (dependency) (dependency_up{${JOB}})`, legend: '{{dependency}}' }],
        },
        {
          title: 'Clocks',
          description: "How far each machine's clock is from the database's.",
          unit: 's',
          runbook: 'a-machines-clock-is-wrong',
          queries: [{ expr: `abs(clock_ahead_seconds{${JOB}})`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Calls of the SDK',
      panels: [
        {
          title: 'Calls',
          description: 'By operation; long polls are not among them.',
          unit: 'reqps',
          queries: [
            { expr: `sum by (operation) (rate(temporal_request_total{${JOB}}[${WINDOW}]))`, legend: '{{operation}}' },
          ],
        },
        {
          title: 'Time of a call, 95th percentile',
          description: 'By operation.',
          unit: 's',
          queries: [{ expr: p95('temporal_request_latency_seconds', 'operation'), legend: '{{operation}}' }],
        },
        {
          title: 'Long polls',
          description: 'By operation. None at all: no worker polls.',
          unit: 'reqps',
          runbook: 'a-task-queue-has-no-worker',
          queries: [
            {
              expr: `sum by (operation) (rate(temporal_long_request_total{${JOB}}[${WINDOW}]))`,
              legend: '{{operation}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Workflows',
      panels: [
        {
          title: 'Workflows that ended',
          description: 'By type.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (workflow_type) (rate(temporal_workflow_completed_total{${JOB}}[${WINDOW}]))`,
              legend: '{{workflow_type}}',
            },
          ],
        },
        {
          title: 'From start to end, 95th percentile',
          description: 'An order whose capture waits for the client ends with its capture.',
          unit: 's',
          queries: [
            { expr: p95('temporal_workflow_endtoend_latency_seconds', 'workflow_type'), legend: '{{workflow_type}}' },
          ],
        },
        {
          title: 'Time of a workflow task, 95th percentile',
          description: 'With the local activities in it. A task must end within 5 s.',
          unit: 's',
          queries: [
            {
              expr: p95('temporal_workflow_task_execution_latency_seconds', 'workflow_type'),
              legend: '{{workflow_type}}',
            },
          ],
        },
        {
          title: 'Wait of a workflow task for a worker, 95th percentile',
          description: 'By task queue.',
          unit: 's',
          runbook: 'the-backlog-is-old',
          queries: [
            {
              expr: p95('temporal_workflow_task_schedule_to_start_latency_seconds', 'task_queue'),
              legend: '{{task_queue}}',
            },
          ],
        },
        {
          title: 'Cached workflows',
          description: 'Workflows in memory, of 500 in each worker.',
          unit: 'short',
          queries: [{ expr: `sum by (instance) (temporal_sticky_cache_size{${JOB}})`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Activities',
      panels: [
        {
          title: 'Time of an activity, 95th percentile',
          description: 'Regular attempts, by type.',
          unit: 's',
          queries: [
            { expr: p95('temporal_activity_execution_latency_seconds', 'activity_type'), legend: '{{activity_type}}' },
          ],
        },
        {
          title: 'Wait of an activity for a worker, 95th percentile',
          description: 'By task queue.',
          unit: 's',
          runbook: 'the-backlog-is-old',
          queries: [
            {
              expr: p95('temporal_activity_schedule_to_start_latency_seconds', 'task_queue'),
              legend: '{{task_queue}}',
            },
          ],
        },
        {
          title: 'Time of a local activity, 95th percentile',
          description: 'The first tries of steps; `tryFastPath` is all steps of an order.',
          unit: 's',
          queries: [
            {
              expr: p95('temporal_local_activity_execution_latency_seconds', 'activity_type'),
              legend: '{{activity_type}}',
            },
          ],
        },
      ],
    },
  ],
};
