import {
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { EventActivities } from '../activities/index.ts';
import { CASE_BOOKKEEPING } from './steps/step-policies.ts';
import { EVENT_PUMP_POLICY as POLICY } from './steps/background-policies.ts';
import { pauseConsumerSignal, resumeConsumerSignal, rewindCursorSignal } from './contract.ts';
import type { EventPump } from '../domain/event.ts';

/**
 * Keeps a worker busy with one partition of the event log for one consumer, for ever. The signals do the same as the
 * API (`/v1/events/consumers/...`), for operators who have only the Temporal CLI at hand.
 */
export async function eventPumpWorkflow(input: EventPump): Promise<void> {
  const { steerConsumer } = proxyActivities<EventActivities>({
    taskQueue: 'events',
    summary: 'Steer the consumer: waits for the database of events',
    ...CASE_BOOKKEEPING,
  });
  setHandler(pauseConsumerSignal, () => steerConsumer({ ...input, act: 'pause' }));
  setHandler(resumeConsumerSignal, () => steerConsumer({ ...input, act: 'resume' }));
  setHandler(rewindCursorSignal, (sequence) => steerConsumer({ ...input, act: 'rewind', sequence }));
  const { pumpEvents } = pumps(`${input.consumer} reads partition ${input.partition}`);
  await keepRunning(() => pumpEvents({ ...input, roundMs: POLICY.roundMs }));
  await condition(allHandlersFinished);
  await continueAsNew<typeof eventPumpWorkflow>(input);
}

/** Keeps a worker busy with moving the transitions of orders into the event log, for ever. */
export async function orderFeedWorkflow(): Promise<void> {
  const { feedOrderEvents } = pumps('order transitions go into the event log');
  await keepRunning(() => feedOrderEvents({ roundMs: POLICY.roundMs }));
  await continueAsNew<typeof orderFeedWorkflow>();
}

function pumps(summary: string) {
  return proxyActivities<EventActivities>({
    taskQueue: 'events',
    summary,
    startToCloseTimeout: POLICY.startToCloseTimeout,
    heartbeatTimeout: POLICY.heartbeatTimeout,
    retry: POLICY.retry,
  });
}

async function keepRunning(round: () => Promise<void>): Promise<void> {
  for (let rounds = 0; rounds < POLICY.rounds; rounds += 1) {
    try {
      await round();
      setCurrentDetails('');
    } catch (error) {
      if (isCancellation(error)) throw error;
      setCurrentDetails(
        '**It failed in a way that no retry mends.** See the last failed activity; tried again every 30 s.',
      );
      await sleep(POLICY.pauseAfterFailureMs, { summary: 'It met a bug: try again later' });
    }
  }
}
