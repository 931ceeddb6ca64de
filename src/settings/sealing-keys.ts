import { z } from 'zod';
import { CONTACT_KEYS_RULE, parseContactKeys } from '../domain/personal-data/contact-keys.ts';

/** Keys that seal, newest first: `id:base64` pairs, separated by commas. */
export const sealingKeys = z.string().transform((text, ctx) => {
  const keys = parseContactKeys(text);
  if (keys !== null) return keys;
  // The message never holds the text, in which keys stand.
  ctx.addIssue({ code: 'custom', message: CONTACT_KEYS_RULE });
  return z.NEVER;
});
