import { AsyncLocalStorage } from 'node:async_hooks';
import { createMiddleware } from 'hono/factory';
import type { OperatorActionRepository } from '../../db/repositories/audit/operator-action-repository.ts';
import type { ApiEnv } from './http/context.ts';
import { requestFields } from './http/request-context.ts';

/** What a request has done so far. */
interface RequestNotes {
  readonly requestId: string;
  readonly actionIds: Set<string>;
  counts: Readonly<Record<string, number>> | null;
}

const notes = new AsyncLocalStorage<RequestNotes>();

/** Notes that the request does this act or gives this command, so that its answer is recorded. */
export function noteAct(actionId: string): void {
  notes.getStore()?.actionIds.add(actionId);
}

/** Notes what the request has done, in numbers. */
export function noteCounts(counts: Readonly<Record<string, number>>): void {
  const noted = notes.getStore();
  if (noted !== undefined) noted.counts = counts;
}

/** The record of acts, which writes each act with its request, and notes it for the answer. */
export function notingActs(actions: OperatorActionRepository): OperatorActionRepository {
  return {
    ...actions,
    record: async (action) => {
      await actions.record({ ...action, requestId: notes.getStore()?.requestId });
      noteAct(action.actionId);
    },
    recordWithin: async (action, limit) => {
      const waitSeconds = await actions.recordWithin({ ...action, requestId: notes.getStore()?.requestId }, limit);
      if (waitSeconds === 0) noteAct(action.actionId);
      return waitSeconds;
    },
  };
}

/**
 * Records the answer to a request that did something, before it is sent. The answer is given also when it cannot be
 * recorded, because the act is done; its outcome then stays unknown.
 */
export function recordOutcomes(actions: Pick<OperatorActionRepository, 'recordOutcome'>) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (c.req.method === 'GET') return next();
    const noted: RequestNotes = { requestId: c.get('requestId'), actionIds: new Set(), counts: null };
    await notes.run(noted, next);
    const { requestId, actionIds, counts } = noted;
    if (actionIds.size === 0) return undefined;
    const { tenantId } = c.get('caller');
    const outcome = { requestId, tenantId, status: c.res.status, code: c.get('problemCode') ?? null, counts };
    await actions.recordOutcome([...actionIds], outcome).catch((err: unknown) => {
      c.get('logger').warn({ err, ...requestFields(c) }, 'the outcome of an act could not be recorded');
    });
    return undefined;
  });
}
