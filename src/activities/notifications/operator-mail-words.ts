import type { OperatorAlertGroup, OperatorDigest } from '../../domain/operator-alert.ts';

/** Subject and text of a mail to operators: ids, codes and numbers, and nothing about customers. */
export function operatorMailOf({ cases, events, groups, groupCount }: OperatorDigest): {
  subject: string;
  text: string;
} {
  const what = [
    ...(cases > 0 ? [counted(cases, 'new case', 'new cases')] : []),
    ...(events > 0 ? [counted(events, 'failed event', 'failed events')] : []),
  ].join(' and ');
  const more = groupCount - groups.length;
  const lines = [
    `${what} since the last mail.`,
    '',
    ...groups.map(lineOf),
    ...(more > 0 ? [`and ${counted(more, 'other cause', 'other causes')}`] : []),
    '',
    'Cases: the console, or npm run orders -- cases. Failed events: GET /v1/events/failed.',
  ];
  return { subject: `order-saga: ${what}`, text: lines.join('\n') };
}

function lineOf({ kind, cause, tenantId, count, firstAt, caseIds }: OperatorAlertGroup): string {
  const cases = caseIds.length === 0 ? '' : `: ${caseIds.join(', ')}${count > caseIds.length ? ', ...' : ''}`;
  return `${count} x ${kind} ${cause}, tenant ${tenantId}, first at ${firstAt.toISOString()}${cases}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
