import type { UnpublishedCaseChange } from '../domain/case.ts';
import type { UnpublishedFailure } from '../domain/event.ts';
import type { OperatorAlert } from '../domain/operator-alert.ts';
import { toCaseEvent } from './case-event.ts';
import { toFailureEvent } from './failure-event.ts';

/** What operators hear of a change of a case: that a case was opened. */
export function alertsOfCase(change: UnpublishedCaseChange): OperatorAlert[] {
  const { type, caseId, tenantId, step, errorCode, at } = change;
  if (type !== 'case.opened') return [];
  const { eventId } = toCaseEvent(change);
  return [{ eventId, kind: type, tenantId, cause: `${step}/${errorCode}`, caseId, count: 1, at }];
}

/** What operators hear of events that were given up. */
export function alertOfFailure(failure: UnpublishedFailure): OperatorAlert {
  const { tenantId, consumer, errorCode, count, failedAt: at } = failure;
  const { eventId } = toFailureEvent(failure);
  return { eventId, kind: 'event.failed', tenantId, cause: `${consumer}/${errorCode}`, caseId: null, count, at };
}
