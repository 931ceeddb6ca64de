import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/workflows/contract.ts';
import { startProcessSystem, type ProcessSystem, type ServiceName } from '../support/processes/process-system.ts';
import {
  requirePrometheus,
  startPrometheus,
  untilAlert,
  untilTrue,
  type TestPrometheus,
} from '../support/processes/prometheus.ts';

// Entry of `npm run alerts`: every dependency is frozen in turn, and Prometheus must call somebody within a minute. It
// takes some minutes, so `npm test` has the workers' part only (tests/processes/worker-alert.test.ts).

const LIMIT_MS = 60_000;

let system: ProcessSystem;
let prometheus: TestPrometheus | undefined;
beforeAll(async () => {
  system = await startProcessSystem(['api', 'worker'], { WORKER_QUEUES: TASK_QUEUES.join(',') });
}, 120_000);
afterAll(async () => {
  await prometheus?.stop();
  await system.stop();
});

/** The process and its children: PostgreSQL has one per connection, each in a group of its own. */
function withChildren(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
}

async function startWatching(program: string): Promise<TestPrometheus> {
  const targets = (['api', 'worker'] as const).map((name) => new URL(system.internalUrlOf(name)).host);
  prometheus ??= await startPrometheus({ prometheus: program, targets, seconds: 5 });
  return prometheus;
}

it.for<[ServiceName, string]>([
  ['temporal', 'TemporalIsDown'],
  ['postgres', 'DatabaseIsDown'],
  ['simulator', 'PaymentGatewayIsDown'],
  ['mail', 'MailIsDown'],
  ['worker', 'TaskQueueHasNoWorker'],
  ['worker', 'ProcessReportsNothing'],
  ['api', 'NothingIsReported'],
])(
  'A frozen %s raises %s within a minute, and the alert ends by itself when it goes on',
  async ([service, alert], context) => {
    const watching = await startWatching((await requirePrometheus(context)).prometheus);
    const isQuiet = async (): Promise<boolean> => (await watching.firing()).length === 0;
    expect(await untilTrue(isQuiet, 2 * LIMIT_MS), 'alerts before the freeze').not.toBe(null);
    const frozen = withChildren(system.pidOf(service));
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    const fired = await untilAlert(watching, alert, { fires: true, limitMs: LIMIT_MS });
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    const ended = await untilAlert(watching, alert, { fires: false, limitMs: LIMIT_MS });
    console.log(`${alert}: fired after ${fired?.toFixed(0)} s, ended ${ended?.toFixed(0)} s after the end`);
    expect(fired, 'fired').not.toBe(null);
    expect(ended, 'ended').not.toBe(null);
  },
);
