import { z } from 'zod';
import { SEALABLE_FIELDS, type SealableField } from '../domain/personal-data/field-sealer.ts';

/**
 * Days for which ended rows are kept; 0 for ever. Below 30 days a provider may still repeat a report, and an operator
 * still looks at last week's orders.
 */
const daysKept = z.coerce
  .number()
  .int()
  .max(36_500)
  .refine((days) => days === 0 || days >= 30, 'must be 0 (for ever) or at least 30');

const sealedFields = z.string().transform((text, ctx): readonly SealableField[] => {
  const names = text.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  const known = names.filter((name): name is SealableField => (SEALABLE_FIELDS as readonly string[]).includes(name));
  if (known.length === names.length) return known;
  ctx.addIssue({ code: 'custom', message: `must be any of ${SEALABLE_FIELDS.join(', ')}, separated by commas` });
  return z.NEVER;
});

/** Variables of what is sealed in the database, and of how long ended rows stay there. */
export const STORED_DATA_VARIABLES = {
  SEAL_AT_REST: sealedFields.default([]),
  PAYMENT_NOTICE_RETENTION_DAYS: daysKept.default(90),
  FAILED_EVENT_RETENTION_DAYS: daysKept.default(90),
  DELETED_WEBHOOK_RETENTION_DAYS: daysKept.default(90),
  MESSAGE_RETENTION_DAYS: daysKept.default(0),
  CASE_RETENTION_DAYS: daysKept.default(0),
  PAYMENT_HISTORY_RETENTION_DAYS: daysKept.default(0),
  ORDER_ARCHIVE_AFTER_DAYS: daysKept.default(0),
} as const;

const storedDataVariables = z.object(STORED_DATA_VARIABLES);

/**
 * The fields that are sealed, the days for which rows are kept (null for ever), and after how many days ended orders go to
 * the archive (null never).
 */
export function storedDataOf(env: z.output<typeof storedDataVariables>) {
  return {
    sealedFields: env.SEAL_AT_REST,
    archiveAfterDays: orForEver(env.ORDER_ARCHIVE_AFTER_DAYS),
    retentionDays: {
      paymentNotices: orForEver(env.PAYMENT_NOTICE_RETENTION_DAYS),
      failedEvents: orForEver(env.FAILED_EVENT_RETENTION_DAYS),
      deletedWebhooks: orForEver(env.DELETED_WEBHOOK_RETENTION_DAYS),
      messages: orForEver(env.MESSAGE_RETENTION_DAYS),
      cases: orForEver(env.CASE_RETENTION_DAYS),
      paymentHistory: orForEver(env.PAYMENT_HISTORY_RETENTION_DAYS),
    },
  };
}

function orForEver(days: number): number | null {
  return days === 0 ? null : days;
}
