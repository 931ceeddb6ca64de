import { JOB, WINDOW, type Page } from './panels.ts';

export const eventsPage: Page = {
  uid: 'events',
  title: 'events and messages',
  description: 'Business events from the door to each consumer, webhooks, mails and text messages.',
  rows: [
    {
      title: 'Events',
      panels: [
        {
          title: 'Events that came in',
          description: 'By type and outcome.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (type, outcome) (rate(events_received_total{${JOB}}[${WINDOW}])) > 0`,
              legend: '{{type}} {{outcome}}',
            },
          ],
        },
        {
          title: 'Events with a result',
          description: 'By consumer and type.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (consumer, type) (rate(events_processed_total{${JOB}}[${WINDOW}])) > 0`,
              legend: '{{consumer}} {{type}}',
            },
          ],
        },
        {
          title: 'Events that a consumer has not handled',
          description: 'The sum over the partitions.',
          unit: 'short',
          runbook: 'events-lag-behind',
          queries: [
            {
              expr: `sum by (consumer) (max by (consumer, partition) (events_lag{${JOB}}))`,
              legend: '{{consumer}}',
            },
          ],
        },
        {
          title: 'Age of the next event',
          description: 'The partition that is furthest behind. An alert comes after a minute.',
          unit: 's',
          runbook: 'events-lag-behind',
          queries: [{ expr: `max by (consumer) (events_oldest_age_seconds{${JOB}})`, legend: '{{consumer}}' }],
        },
        {
          title: 'Events that are not finished',
          description: 'They are retried, or were given up and wait for a person.',
          unit: 'short',
          runbook: 'events-fail',
          queries: [
            {
              expr: `max by (consumer, state) (events_unfinished{${JOB}})`,
              legend: '{{consumer}} {{state}}',
            },
          ],
        },
        {
          title: 'Failed tries',
          description: 'Repeated ones and those that were the last, by code.',
          unit: 'cps',
          runbook: 'events-fail',
          queries: [
            {
              expr: `sum by (consumer, code) (rate(events_retried_total{${JOB}}[${WINDOW}])) > 0`,
              legend: '{{consumer}} {{code}}, repeated',
            },
            {
              expr: `sum by (consumer, code) (rate(events_failed_total{${JOB}}[${WINDOW}])) > 0`,
              legend: '{{consumer}} {{code}}, given up',
            },
          ],
        },
        {
          title: 'From the accept to the result, 95th percentile',
          description: 'And from the accept until a worker begins with it.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (le, consumer) (rate(event_processing_duration_seconds_bucket{${JOB}}[${WINDOW}])))`,
              legend: '{{consumer}}, result',
            },
            {
              expr: `histogram_quantile(0.95, sum by (le, consumer) (rate(events_queue_wait_seconds_bucket{${JOB}}[${WINDOW}])))`,
              legend: '{{consumer}}, begun',
            },
          ],
        },
        {
          title: 'Time of an append, 95th percentile',
          description: 'With its commit; no request is answered before.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (le) (rate(events_append_duration_seconds_bucket{${JOB}}[${WINDOW}])))`,
              legend: 'append',
            },
          ],
        },
        {
          title: 'Events of one append',
          description: 'Simultaneous requests share an append.',
          unit: 'short',
          queries: [
            {
              expr: `sum(rate(events_append_size_sum{${JOB}}[${WINDOW}])) / sum(rate(events_append_size_count{${JOB}}[${WINDOW}]))`,
              legend: 'mean',
            },
          ],
        },
      ],
    },
    {
      title: 'Webhooks and messages',
      panels: [
        {
          title: 'Deliveries of webhooks',
          description: 'Attempts by outcome.',
          unit: 'cps',
          runbook: 'deliveries-of-webhooks-pile-up',
          queries: [
            { expr: `sum by (outcome) (rate(webhook_deliveries_total{${JOB}}[${WINDOW}]))`, legend: '{{outcome}}' },
          ],
        },
        {
          title: 'Webhooks that have not arrived',
          description: 'Those that are not given up.',
          unit: 'short',
          runbook: 'deliveries-of-webhooks-pile-up',
          queries: [{ expr: `max(webhook_deliveries_open{${JOB}})`, legend: 'open' }],
        },
        {
          title: 'Age of the oldest webhook',
          description: 'An alert comes after 6 h; retries end after three days.',
          unit: 's',
          runbook: 'deliveries-of-webhooks-pile-up',
          queries: [{ expr: `max(webhook_deliveries_open_oldest_age_seconds{${JOB}})`, legend: 'oldest' }],
        },
        {
          title: 'Subscriptions that were disabled',
          description: 'In the last hour, by reason.',
          unit: 'short',
          runbook: 'a-webhook-is-disabled',
          queries: [
            {
              expr: `sum by (reason) (increase(webhook_subscriptions_disabled_total{${JOB}}[1h]))`,
              legend: '{{reason}}',
            },
          ],
        },
        {
          title: 'The mail server answers',
          description: '1 or 0.',
          unit: 'short',
          runbook: 'mail-is-down',
          queries: [{ expr: `min(dependency_up{dependency="mail",${JOB}})`, legend: 'up' }],
        },
        {
          title: 'Mails and text messages',
          description: 'Tries by outcome.',
          unit: 'cps',
          runbook: 'mail-is-down',
          queries: [
            {
              expr: `sum by (outcome) (rate(order_steps_total{step="sendMessage",${JOB}}[${WINDOW}]))`,
              legend: 'mail {{outcome}}',
            },
            {
              expr: `sum by (outcome) (rate(text_messages_total{${JOB}}[${WINDOW}]))`,
              legend: 'text {{outcome}}',
            },
          ],
        },
      ],
    },
  ],
};
