import { expect, it } from 'vitest';
import { operatorMailOf } from './operator-mail-words.ts';

const AT = new Date('2026-11-30T08:00:00Z');

it('A mail to operators counts cases and events, and names their causes and the first cases', () => {
  const { subject, text } = operatorMailOf({
    mailId: 'opm_1',
    cases: 7,
    events: 1,
    groups: [
      {
        kind: 'case.opened',
        cause: 'take-payment/payment_mismatch',
        tenantId: 'acme',
        count: 7,
        firstAt: AT,
        caseIds: ['case_1', 'case_2'],
      },
      { kind: 'event.failed', cause: 'analytics/invalid_event', tenantId: 'acme', count: 1, firstAt: AT, caseIds: [] },
    ],
    groupCount: 4,
  });
  expect(subject).toBe('order-saga: 7 new cases and 1 failed event');
  expect(text.split('\n')).toEqual([
    '7 new cases and 1 failed event since the last mail.',
    '',
    '7 x case.opened take-payment/payment_mismatch, tenant acme, first at 2026-11-30T08:00:00.000Z: case_1, case_2, ...',
    '1 x event.failed analytics/invalid_event, tenant acme, first at 2026-11-30T08:00:00.000Z',
    'and 2 other causes',
    '',
    'Cases: the console, or npm run orders -- cases. Failed events: GET /v1/events/failed.',
  ]);
});
