import { JOB, WINDOW, type Page } from './panels.ts';

export const moneyPage: Page = {
  uid: 'money',
  title: 'money',
  description: 'Payments whose outcome is not known, money that customers wait for, and what the audit finds.',
  rows: [
    {
      title: 'Money that waits',
      panels: [
        {
          title: 'Payments of unknown outcome',
          description: 'The provider has not told yet. Each is looked up, and never guessed.',
          unit: 'short',
          runbook: 'a-payment-is-unknown',
          queries: [{ expr: `max(payments_unknown{${JOB}})`, legend: 'operations' }],
        },
        {
          title: 'Age of the oldest unknown payment',
          description: 'A person is called after 5 min.',
          unit: 's',
          runbook: 'a-payment-is-unknown',
          queries: [{ expr: `max(payments_unknown_oldest_age_seconds{${JOB}})`, legend: 'oldest' }],
        },
        {
          title: 'Money that has to be given back, in minor units',
          description: 'Captured for orders that are refused, cancelled or refunded, and not paid back yet.',
          unit: 'short',
          runbook: 'money-is-owed',
          queries: [{ expr: `max by (currency) (money_owed_minor{${JOB}})`, legend: '{{currency}}' }],
        },
        {
          title: 'Orders whose money has to be given back',
          description: 'How many, and how long the oldest has waited. A person is called after 15 min.',
          unit: 'short',
          runbook: 'money-is-owed',
          queries: [
            { expr: `max(money_owed_orders{${JOB}})`, legend: 'orders' },
            { expr: `max(money_owed_orders_oldest_age_seconds{${JOB}})`, legend: 'oldest, in seconds' },
          ],
        },
      ],
    },
    {
      title: 'Audit',
      panels: [
        {
          title: 'Broken rules',
          description: 'What the last scheduled audit found, by invariant. It must be 0.',
          unit: 'short',
          runbook: 'the-audit-reports-a-violation',
          queries: [{ expr: `max by (invariant) (audit_violations{${JOB}})`, legend: '{{invariant}}' }],
        },
        {
          title: 'Time since the last audit',
          description: 'It runs every AUDIT_INTERVAL_MINUTES (15).',
          unit: 's',
          runbook: 'the-audit-reports-a-violation',
          queries: [{ expr: `min(audit_age_seconds{${JOB}})`, legend: 'age' }],
        },
        {
          title: 'Orders that the audit looked at',
          description: 'At most AUDIT_ORDERS_MAX in each run.',
          unit: 'short',
          queries: [{ expr: `max(audit_orders{${JOB}})`, legend: 'orders' }],
        },
      ],
    },
    {
      title: 'Payment provider',
      panels: [
        {
          title: 'The provider answers',
          description: '1 or 0, of the API process that reaches it worst.',
          unit: 'short',
          runbook: 'the-gateway-is-down-or-its-breaker-is-open',
          queries: [{ expr: `min(dependency_up{dependency="payment_gateway",${JOB}})`, legend: 'up' }],
        },
        {
          title: 'Open circuit breakers',
          description: 'Routes whose calls are not sent, because they have failed.',
          unit: 'short',
          runbook: 'the-gateway-is-down-or-its-breaker-is-open',
          queries: [
            {
              expr: `max by (collaborator, route) (order_saga_circuit_breaker_open{${JOB}})`,
              legend: '{{collaborator}} {{route}}',
            },
          ],
        },
        {
          title: 'Steps that move money',
          description: 'Tries by step and outcome.',
          unit: 'cps',
          queries: [
            {
              expr: `sum by (step, outcome) (rate(order_steps_total{step=~".*[pP]ayment.*",${JOB}}[${WINDOW}]))`,
              legend: '{{step}} {{outcome}}',
            },
          ],
        },
        {
          title: 'Time to take a payment',
          description: 'One try, with the call of the provider.',
          unit: 's',
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: `histogram_quantile(${share}, sum by (le) (rate(order_step_duration_seconds_bucket{step="takePayment",${JOB}}[${WINDOW}])))`,
            legend: `${share * 100} %`,
          })),
        },
      ],
    },
  ],
};
