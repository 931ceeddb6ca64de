import { createEventObserver } from '../../../src/temporal/event-observer.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { installTemporalRuntime } from '../../../src/temporal/runtime.ts';
import {
  countDroppedLogLines,
  countTextMessage,
  countWebhookAttempt,
  countWebhookDisabled,
  reportBreaker,
  createStepMetrics,
  startWorkerMetrics,
} from '../../../src/temporal/worker-metrics.ts';
import { offer } from '../offered-events.ts';

// Counts every metric of a worker once, and prints the content of its port for metrics. It is a process of its own,
// because one process has one runtime.
const port = Number(process.argv[2]);
const logger = createLogger({ level: 'silent', service: 'test' });
installTemporalRuntime(logger, { host: '127.0.0.1', port, serviceName: 'test' });
startWorkerMetrics();
createStepMetrics()({ step: 'holdStock', seconds: 0.001, failure: null });
reportBreaker('payment', 'pm_ok', true);
countWebhookAttempt('delivered');
countWebhookDisabled('gone');
countTextMessage('sent');
countDroppedLogLines(1);
const receivedAt = new Date();
const event = {
  ...offer(),
  partition: 0,
  sequence: 1,
  receivedAt,
  attempts: 0,
  isBlocked: false,
  isReplay: false,
} as const;
const failure = { code: 'unclassified', message: 'no', attempts: 1 } as const;
createEventObserver(logger, { workerId: 'test', types: ['purchase'] })({
  consumer: 'analytics',
  handled: [
    { event, outcome: { kind: 'processed', category: 'page' } },
    { event, outcome: { kind: 'failed', ...failure } },
    { event, outcome: { kind: 'retrying', ...failure, nextAttemptAt: receivedAt } },
  ],
  takenAt: receivedAt.getTime(),
  storedAt: receivedAt.getTime() + 1,
});
process.stdout.write(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
process.exit(0);
