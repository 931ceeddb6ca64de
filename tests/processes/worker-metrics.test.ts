import { afterAll, beforeAll, expect, it } from 'vitest';
import { USUAL_COURSE } from '../support/faults/usual-course.ts';
import { startApiProcess } from '../support/processes/another-api.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

/** The series of a metric without the label of the process, by their labels. */
function seriesOf(text: string, name: string): Record<string, number> {
  const lines = text.matchAll(new RegExp(`^${name}\\{(.*),service_name="order-saga-combined"\\} (\\S+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, labels = '', value]) => [labels, Number(value)]));
}

it.each(['joined', 'stepwise'])(
  'The steps of orders that run %s are counted under the same names, and every failure is 0 before the first one',
  USUAL_COURSE,
  async (ORDER_FAST_PATH) => {
    const port = String(await findFreePort());
    const env = { ORDER_FAST_PATH, WORKER_METRICS_PORT: port, AUDIT_INTERVAL_MINUTES: '0' };
    const combined = await startApiProcess(system, env, 'src/combined.ts');
    const scrape = (): Promise<string> => fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text());
    try {
      const before = await scrape();
      expect(seriesOf(before, 'order_step_failures_total')).toMatchObject({
        'code="payment_outcome_unknown"': 0,
        'code="timeout"': 0,
      });
      expect(seriesOf(before, 'order_transitions_total')['reason="payment_declined",status="REJECTED"']).toBe(0);
      await combined.orderAtRest(await combined.postOrder());
      await combined.orderAtRest(await combined.postOrder({ method: 'pm_declined' }));
      await expect
        .poll(async () => seriesOf(await scrape(), 'order_steps_total'))
        .toMatchObject({
          'outcome="done",step="openOrder"': 2,
          'outcome="done",step="holdStock"': 2,
          'outcome="done",step="takePayment"': 2,
          'outcome="done",step="commitStock"': 1,
          'outcome="done",step="confirmOrder"': 1,
          'outcome="done",step="rejectOrder"': 1,
          'outcome="failed",step="takePayment"': 0,
        });
      const after = await scrape();
      expect(seriesOf(after, 'order_step_duration_seconds_count')['step="takePayment"']).toBe(2);
      expect(seriesOf(after, 'orders_settled_total')).toEqual({ 'in_time="true"': 2, 'in_time="false"': 0 });
      expect(seriesOf(after, 'order_compensations_total')['step="releaseStock"']).toBe(1);
      expect(seriesOf(after, 'order_transitions_total')).toMatchObject({
        'reason="none",status="CONFIRMED"': 1,
        'reason="payment_declined",status="REJECTED"': 1,
      });
    } finally {
      await combined.stop();
    }
  },
);
