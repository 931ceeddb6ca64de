import type { OperatorActionRepository } from '../../../db/repositories/audit/operator-action-repository.ts';
import { reading } from '../../audit/source-error.ts';
import { randomId } from '../../domain/ids.ts';

/** A replay, as it is recorded in the restored database. A database that is set back once more forgets it. */
export interface RecordedReplay {
  readonly replayId: string;
  readonly closedAfter: Date;
  readonly hasEnded: boolean;
}

/** The record of replays. All methods throw {@link SourceUnavailableError}. */
export interface ReplayRecord {
  /** The last replay; null when this database has seen none. */
  latest(): Promise<RecordedReplay | null>;
  /** Continues the last replay if it was of the same instant; else begins a new one. */
  begin(closedAfter: Date, actor: string): Promise<RecordedReplay>;
  end(replay: RecordedReplay, actor: string): Promise<void>;
}

/** A replay is about all tenants; no tenant has this name. */
const ALL_TENANTS = '*';
const BEGUN = 'orders.replay';
const ENDED = 'orders.replay_ended';

type Actions = Pick<OperatorActionRepository, 'record' | 'findLatest'>;

export function createReplayRecord(actions: Actions): ReplayRecord {
  const database = <Result>(work: Promise<Result>): Promise<Result> => reading('the orders database', work);
  const write = (act: { actionId: string; actor: string; action: string; subject: string }): Promise<void> =>
    database(actions.record({ ...act, tenantId: ALL_TENANTS, orderId: null, reason: null, before: null, after: null }));
  const latest = async (): Promise<RecordedReplay | null> => {
    const begun = await database(actions.findLatest(ALL_TENANTS, BEGUN));
    if (begun === null) return null;
    const ended = await database(actions.findLatest(ALL_TENANTS, ENDED));
    return {
      replayId: begun.actionId,
      closedAfter: new Date(begun.subject),
      hasEnded: ended?.subject === begun.actionId,
    };
  };
  return {
    latest,
    begin: async (closedAfter, actor) => {
      const known = await latest();
      if (known?.closedAfter.getTime() === closedAfter.getTime()) return known;
      const replayId = randomId('act');
      await write({ actionId: replayId, actor, action: BEGUN, subject: closedAfter.toISOString() });
      return { replayId, closedAfter, hasEnded: false };
    },
    end: ({ replayId }, actor) => write({ actionId: randomId('act'), actor, action: ENDED, subject: replayId }),
  };
}
