import type { Hook } from '@hono/zod-openapi';
import type { ApiEnv } from './context.ts';
import { problemResponse, ProblemError, type FieldError } from './problem.ts';

/** More entries would only repeat the point, and the answer must stay small whatever was sent. */
const ERRORS_MAX = 50;

/** Turns a failed validation into `validation_failed`; a malformed path parameter is a thing that does not exist. */
export const validationHook: Hook<unknown, ApiEnv, string, Response | undefined> = (result, c) => {
  if (result.success) return undefined;
  if (result.target === 'param') return problemResponse(c, new ProblemError('not_found', 'there is no such thing'));
  const prefix = result.target === 'json' ? '' : `#/${result.target}`;
  const errors = result.error.issues.slice(0, ERRORS_MAX).map((issue): FieldError => ({
    pointer: `${prefix}/${issue.path.map((part) => escapePointer(String(part))).join('/')}`,
    detail: issue.message,
  }));
  const where = result.target === 'json' ? 'body' : result.target;
  return problemResponse(
    c,
    new ProblemError('validation_failed', `the ${where} does not match the contract`, { errors }),
  );
};

function escapePointer(part: string): string {
  return part.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
