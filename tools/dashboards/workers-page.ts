import { JOB, WINDOW, type Page, type Panel } from './panels.ts';

/** A figure of each process, as it is. */
function each(title: string, metric: string, rest: Pick<Panel, 'description' | 'unit'> & Partial<Panel>): Panel {
  return { title, queries: [{ expr: `${metric}{${JOB}}`, legend: '{{instance}}' }], ...rest };
}

/** How fast a counter of each process grows. */
function rateOfEach(title: string, metric: string, rest: Pick<Panel, 'description' | 'unit'> & Partial<Panel>): Panel {
  return { title, queries: [{ expr: `rate(${metric}{${JOB}}[${WINDOW}])`, legend: '{{instance}}' }], ...rest };
}

export const workersPage: Page = {
  uid: 'workers',
  title: 'workers and processes',
  description:
    'Task queues, slots and polls of the workers, and CPU, memory, event loop and connections of all processes.',
  rows: [
    {
      title: 'Task queues',
      panels: [
        {
          title: 'Workers of each queue',
          description: 'As Temporal sees them; a killed worker is missed after 75 s, or 5 s once a task waits for it.',
          unit: 'short',
          runbook: 'a-task-queue-has-no-worker',
          queries: [{ expr: `max by (queue) (task_queue_pollers{${JOB}})`, legend: '{{queue}}' }],
        },
        {
          title: 'Workers of each queue that answer',
          description: 'As the processes say it of themselves.',
          unit: 'short',
          runbook: 'a-task-queue-has-no-worker',
          queries: [{ expr: `sum by (queue) (worker_polling{${JOB}})`, legend: '{{queue}}' }],
        },
        {
          title: 'Tasks that no worker has begun',
          description: 'The backlog that Temporal estimates.',
          unit: 'short',
          runbook: 'the-backlog-is-old',
          queries: [{ expr: `max by (queue) (task_queue_backlog_tasks{${JOB}})`, legend: '{{queue}}' }],
        },
        {
          title: 'Age of the oldest task',
          description: 'A person is called at 30 s.',
          unit: 's',
          runbook: 'the-backlog-is-old',
          queries: [{ expr: `max by (queue) (task_queue_backlog_age_seconds{${JOB}})`, legend: '{{queue}}' }],
        },
        {
          title: 'Tasks that come and go',
          description: 'Per second of the last half minute. Where more come than go, a backlog grows.',
          unit: 'cps',
          queries: [
            { expr: `max by (queue) (task_queue_added_per_second{${JOB}})`, legend: '{{queue}}, in' },
            { expr: `max by (queue) (task_queue_dispatched_per_second{${JOB}})`, legend: '{{queue}}, out' },
          ],
        },
        {
          title: 'Eager slots in use',
          description: 'Orders in their first fast path, of EAGER_SLOTS (24).',
          unit: 'short',
          queries: [{ expr: `eager_slots_in_use{${JOB}}`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Workers',
      panels: [
        {
          title: 'Slots in use',
          description: 'Tasks under way, by type.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (worker_type, task_queue) (temporal_worker_task_slots_used{${JOB}})`,
              legend: '{{worker_type}} {{task_queue}}',
            },
          ],
        },
        {
          title: 'Slots that are free',
          description: 'At 0 a worker takes no further task of this type.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (worker_type, task_queue) (temporal_worker_task_slots_available{${JOB}})`,
              legend: '{{worker_type}} {{task_queue}}',
            },
          ],
        },
        {
          title: 'Polls under way',
          description: 'By type.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (poller_type, task_queue) (temporal_num_pollers{${JOB}})`,
              legend: '{{poller_type}} {{task_queue}}',
            },
          ],
        },
        {
          title: 'Processes that take work',
          description: '1 or 0.',
          unit: 'short',
          runbook: 'a-process-reports-nothing',
          queries: [{ expr: `process_ready{${JOB}}`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Processes',
      panels: [
        rateOfEach('CPU', 'process_cpu_seconds_total', { description: '1 is a whole core.', unit: 'percentunit' }),
        each('Memory', 'process_resident_memory_bytes', { description: 'Resident memory.', unit: 'bytes' }),
        each('Delay of the event loop, 99th percentile', 'nodejs_eventloop_delay_p99_seconds', {
          description: 'Above 0.1 s the process has more work than a core can do.',
          unit: 's',
          runbook: 'orders-are-refused-or-accepted-slowly',
        }),
        each('Longest delay of the event loop', 'nodejs_eventloop_delay_max_seconds', {
          description: 'In the last 8 to 15 s.',
          unit: 's',
          runbook: 'orders-are-refused-or-accepted-slowly',
        }),
        rateOfEach('Use of the event loop', 'nodejs_eventloop_active_seconds_total', {
          description: 'The share of the time in which the loop was not idle.',
          unit: 'percentunit',
        }),
        rateOfEach('Garbage collection', 'nodejs_gc_seconds_total', {
          description: 'The share of the time that it takes.',
          unit: 'percentunit',
        }),
        {
          title: 'Heap',
          description: 'In use, and reserved.',
          unit: 'bytes',
          queries: [
            { expr: `nodejs_heap_used_bytes{${JOB}}`, legend: '{{instance}}, used' },
            { expr: `nodejs_heap_total_bytes{${JOB}}`, legend: '{{instance}}, reserved' },
          ],
        },
        each('Uptime', 'process_uptime_seconds', { description: 'A fall is a restart.', unit: 's' }),
        {
          title: 'Connections to the databases',
          description: 'Those in use, and the limit of the pool.',
          unit: 'short',
          queries: [
            {
              expr: `database_pool_connections{state="used",${JOB}}`,
              legend: '{{instance}} {{pool}}, used',
            },
            { expr: `database_pool_max{${JOB}}`, legend: '{{instance}} {{pool}}, limit' },
          ],
        },
        {
          title: 'Statements that wait for a connection',
          description: 'A pool that is always used up needs a larger DATABASE_POOL_SIZE.',
          unit: 'short',
          runbook: 'orders-are-refused-or-accepted-slowly',
          queries: [{ expr: `database_pool_waiting{${JOB}}`, legend: '{{instance}} {{pool}}' }],
        },
        {
          title: 'Certificates',
          description: 'Time until the first certificate of a file ends.',
          unit: 's',
          runbook: 'a-certificate-ends',
          queries: [
            {
              expr: `min by (setting) (certificate_expiration_timestamp_seconds{${JOB}}) - time()`,
              legend: '{{setting}}',
            },
          ],
        },
        {
          title: 'Log lines that could not be written',
          description: 'A full disk, or a reader that stands still.',
          unit: 'cps',
          runbook: 'log-lines-are-missing',
          queries: [
            { expr: `sum by (instance) (rate(log_lines_dropped_total{${JOB}}[${WINDOW}]))`, legend: '{{instance}}' },
          ],
        },
      ],
    },
  ],
};
