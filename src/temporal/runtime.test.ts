import { expect, it } from 'vitest';
import { forwardTo } from './runtime.ts';

const ORDER = `ord_${'a'.repeat(26)}`;

/** The fields that the process's logger gets for a line of the SDK. */
function forwarded(meta: Record<string, unknown>): unknown {
  const lines: unknown[] = [];
  const write = (fields: unknown, message?: string): void => void lines.push([fields, message]);
  const logger = { trace: write, debug: write, info: write, warn: write, error: write };
  forwardTo(logger)({ level: 'WARN', message: 'Activity failed', timestampNanos: 0n, meta });
  return lines[0];
}

it.each(['order/%s', 'order-command/%s/cmd_1', 'payment-notice/%s/stripe/evt_1', 'notification/%s/order-confirmed'])(
  'A line of the workflow %s carries the id of its order',
  (form) => {
    const workflowId = form.replace('%s', ORDER);
    expect(forwarded({ workflowId, attempt: 2 })).toEqual([
      { orderId: ORDER, workflowId, attempt: 2 },
      'Activity failed',
    ]);
  },
);

it('A line of a workflow that works for no order carries none', () => {
  expect(forwarded({ workflowId: 'event-pump/analytics/0' })).toEqual([
    { workflowId: 'event-pump/analytics/0' },
    'Activity failed',
  ]);
});

it('An error of a line of the SDK is logged as the field for errors', () => {
  const error = new TypeError('a bug');
  expect(forwarded({ error })).toEqual([{ err: error }, 'Activity failed']);
});
