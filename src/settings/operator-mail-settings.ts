import { z } from 'zod';

/** A mail goes to each of them, one after the other. */
const ADDRESSES_MAX = 10;

const addresses = z.string().transform((text, ctx): readonly string[] => {
  const list = text.split(',').map((part) => part.trim());
  if (list.length <= ADDRESSES_MAX && list.every((address) => z.email().safeParse(address).success)) return list;
  ctx.addIssue({ code: 'custom', message: `must be up to ${ADDRESSES_MAX} mail addresses, separated by commas` });
  return z.NEVER;
});

/** Variables of the mails to operators. */
export const OPERATOR_MAIL_VARIABLES = {
  OPERATOR_MAIL_TO: addresses.optional(),
  OPERATOR_MAIL_MINUTES: z.coerce.number().int().min(1).max(1_440).default(15),
} as const;

const operatorMailVariables = z.object(OPERATOR_MAIL_VARIABLES);

/** Null when operators are not told by mail. */
export function operatorMailOf({
  OPERATOR_MAIL_TO: to,
  OPERATOR_MAIL_MINUTES: minutes,
}: z.output<typeof operatorMailVariables>) {
  return to === undefined ? null : { to, everySeconds: minutes * 60 };
}
