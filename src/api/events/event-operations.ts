import type {
  EventControlRepository,
  FailedSelection,
  ReplayRange,
} from '../../../db/repositories/events/event-control-repository.ts';
import type { EventLogRepository } from '../../../db/repositories/events/event-log-repository.ts';
import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import type { EventConsumer } from '../../domain/event.ts';
import type { ConsumerState, EventOverview } from './event-overview.ts';
import { notFound, ProblemError } from '../http/problem.ts';
import { recordAction, type Operator, type OperatorAct } from '../operator-log.ts';
import { REPROCESS_IDS_MAX, REPROCESS_MAX } from './operation-schemas.ts';

/** Acts of operators on consumers and failed events; every act is recorded before it is done. */
export interface EventOperations {
  pause(operator: Operator, name: EventConsumer): Promise<ConsumerState>;
  resume(operator: Operator, name: EventConsumer): Promise<ConsumerState>;
  /**
   * Moves a cursor back.
   * @throws {ProblemError} `validation_failed` when the place is not behind the cursor.
   */
  rewind(
    operator: Operator,
    at: { readonly consumer: EventConsumer; readonly partition: number; readonly sequence: number },
  ): Promise<{ readonly before: number }>;
  /**
   * Has failed events tried again.
   * @returns how many events are tried again.
   */
  reprocess(operator: Operator, consumer: EventConsumer, selection: FailedSelection): Promise<number>;
  /**
   * Replays a range of events.
   * @returns how many events are replayed.
   */
  replay(operator: Operator, range: Omit<ReplayRange, 'tenantId'>): Promise<number>;
}

export interface EventOperationsDeps {
  readonly control: EventControlRepository;
  readonly overview: EventOverview;
  readonly log: Pick<EventLogRepository, 'announce'>;
  readonly actions: Pick<OperatorActionRepository, 'record'>;
}

/** Wakes all pumps of a partition. */
const EVERY_TOPIC = ['*'];

export function createEventOperations({ control, overview, log, actions }: EventOperationsDeps): EventOperations {
  const record = (operator: Operator, act: OperatorAct): Promise<void> => recordAction(actions, operator, act);
  // A pump that is not woken looks by itself a little later.
  const wake = (partitions: readonly number[]): Promise<void> =>
    partitions.length === 0 ? Promise.resolve() : log.announce(partitions, EVERY_TOPIC).catch(() => {});
  const stateOf = async (name: EventConsumer): Promise<ConsumerState> => {
    const found = (await overview.consumers()).find((consumer) => consumer.name === name);
    if (found === undefined) throw notFound('consumer');
    return found;
  };
  /** Pausing and resuming concern every partition. */
  const change = async (name: EventConsumer, act: () => Promise<void>): Promise<ConsumerState> => {
    await act();
    const state = await stateOf(name);
    await wake(state.partitions.map(({ partition }) => partition));
    return state;
  };
  return {
    pause: async (operator, name) => {
      await record(operator, { action: 'events.pause', subject: name });
      return change(name, () => control.pause(name, operator.actor));
    },
    resume: async (operator, name) => {
      await record(operator, { action: 'events.resume', subject: name });
      return change(name, () => control.resume(name));
    },
    rewind: async (operator, at) => {
      const { consumer, partition, sequence } = at;
      const place = (await stateOf(consumer)).partitions.find((found) => found.partition === partition);
      if (place === undefined) throw notBehind('/partition', 'is not a partition of the log');
      if (sequence > place.sequence + 1) throw notBehind('/sequence', `must be at most ${place.sequence + 1}`);
      const [before, after] = [{ sequence: place.sequence }, { sequence: sequence - 1 }];
      await record(operator, { action: 'events.rewind', subject: `${consumer}/${partition}`, before, after });
      const done = await control.rewind(at);
      if (done === null) throw notBehind('/partition', 'has no cursor of the consumer yet, or it was just rewound');
      await wake([partition]);
      return done;
    },
    reprocess: async (operator, consumer, selection) => {
      await record(operator, { action: 'events.reprocess', subject: consumer, after: { ...selection } });
      const most = 'ids' in selection ? REPROCESS_IDS_MAX : REPROCESS_MAX;
      const { tenantId } = operator;
      const { count, partitions } = await control.reprocess({ tenantId, consumer, selection, most });
      await wake(partitions);
      return count;
    },
    replay: async (operator, range) => {
      const { consumer, partition, fromSequence, toSequence } = range;
      const subject = `${consumer}/${partition}`;
      await record(operator, { action: 'events.replay', subject, after: { fromSequence, toSequence } });
      const count = await control.replay({ ...range, tenantId: operator.tenantId });
      if (count > 0) await wake([partition]);
      return count;
    },
  };
}

function notBehind(pointer: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', 'a cursor only goes back', { errors: [{ pointer, detail }] });
}
