import { z } from 'zod';
import { defineEventType } from '../event-type.ts';

/** A person signed up. */
export const userSignup = defineEventType({
  name: 'user_signup',
  description: 'A new user; `userId` says who.',
  needsUser: true,
  properties: z.looseObject({}),
  categorize: () => 'signup',
});
