import { expect, it, onTestFinished } from 'vitest';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { startProcessSystem } from '../support/processes/process-system.ts';
import { requirePrometheus, startPrometheus, untilAlert, untilTrue } from '../support/processes/prometheus.ts';

/** This is the part of `npm run alerts`, which freezes every dependency in turn, that every run can afford. */
it('A real Prometheus with the shipped rules calls somebody when the workers of a queue freeze, until they go on', async (context) => {
  const { prometheus: program } = await requirePrometheus(context);
  const system = await startProcessSystem(['api', 'worker'], { WORKER_QUEUES: TASK_QUEUES.join(',') });
  onTestFinished(() => system.stop());
  const targets = (['api', 'worker'] as const).map((name) => new URL(system.internalUrlOf(name)).host);
  const prometheus = await startPrometheus({ prometheus: program, targets, seconds: 1 });
  onTestFinished(() => prometheus.stop());
  const isPolling = async (): Promise<boolean> => {
    const answer = await fetch(`${prometheus.url}/api/v1/query?query=sum(worker_polling)`);
    return /"value":\[[\d.]+,"5"\]/.test(await answer.text());
  };
  expect(await untilTrue(isPolling, 30_000)).not.toBe(null);
  expect(await prometheus.firing()).toEqual([]);

  await system.signal('worker', 'SIGSTOP');
  expect(await untilAlert(prometheus, 'TaskQueueHasNoWorker', { fires: true, limitMs: 60_000 })).not.toBe(null);
  const queues = (await prometheus.firing()).flatMap(({ labels: { alertname, queue } }) =>
    alertname === 'TaskQueueHasNoWorker' ? [queue] : [],
  );
  expect(new Set(queues)).toEqual(new Set(TASK_QUEUES));
  await system.signal('worker', 'SIGCONT');
  expect(await untilAlert(prometheus, 'TaskQueueHasNoWorker', { fires: false, limitMs: 60_000 })).not.toBe(null);
});
