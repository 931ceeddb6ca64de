import type { Hook, z } from '@hono/zod-openapi';
import type { ApiEnv } from './context.ts';
import { problemResponse, ProblemError, type FieldError } from './problem.ts';

type Issue = z.core.$ZodIssue;

/** More entries would add nothing, and the answer must stay small for every request. */
export const ERRORS_MAX = 50;

/**
 * Turns a failed validation into `validation_failed`; a malformed path parameter means that the object does not exist.
 */
export const validationHook: Hook<unknown, ApiEnv, string, Response | undefined> = (result, c) => {
  if (result.success) return undefined;
  if (result.target === 'param') return problemResponse(c, new ProblemError('not_found', 'there is no such thing'));
  const prefix = result.target === 'json' ? '' : `#/${result.target}`;
  const errors = result.error.issues.flatMap((issue) => toFieldErrors(issue, prefix)).slice(0, ERRORS_MAX);
  const where = result.target === 'json' ? 'body' : result.target;
  return problemResponse(
    c,
    new ProblemError('validation_failed', `the ${where} does not match the contract`, { errors }),
  );
};

/** One entry per field; the pointer of an unknown field names the field and not its object. */
export function toFieldErrors(issue: Issue, prefix: string): FieldError[] {
  const pointerTo = (...path: readonly PropertyKey[]): string =>
    prefix + path.map((part) => `/${pointerPart(String(part))}`).join('');
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerTo(...issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointerTo(...issue.path, key), detail: 'is not a known field' }));
}

/** A name as one part of a JSON pointer, bounded. */
export function pointerPart(part: string): string {
  return part.slice(0, 100).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
}
