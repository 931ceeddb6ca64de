import { expect, it } from 'vitest';
import { z } from 'zod';
import { STORED_DATA_VARIABLES, storedDataOf } from './stored-data-settings.ts';

const variables = z.object(STORED_DATA_VARIABLES);
const read = (env: Readonly<Record<string, string>>) => storedDataOf(variables.parse(env));

it('Nothing more is sealed by default, and what belongs to orders is kept for ever', () => {
  const { sealedFields, retentionDays } = read({});
  expect(sealedFields).toEqual([]);
  expect(retentionDays).toEqual({
    paymentNotices: 90,
    failedEvents: 90,
    deletedWebhooks: 90,
    messages: null,
    cases: null,
    paymentHistory: null,
  });
});

it('Settings name the fields to seal, and the days; 0 is for ever', () => {
  expect(read({ SEAL_AT_REST: ' event-properties,webhook-addresses ' }).sealedFields).toEqual([
    'event-properties',
    'webhook-addresses',
  ]);
  const { retentionDays } = read({ FAILED_EVENT_RETENTION_DAYS: '0', MESSAGE_RETENTION_DAYS: '400' });
  expect(retentionDays).toMatchObject({ failedEvents: null, messages: 400 });
});

it.each([{ SEAL_AT_REST: 'everything' }, { CASE_RETENTION_DAYS: '29' }, { CASE_RETENTION_DAYS: '-1' }])(
  'A field that cannot be sealed, and days that are too few, are refused: %j',
  (env) => {
    expect(variables.safeParse(env).success).toBe(false);
  },
);
