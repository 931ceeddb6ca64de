import { expect } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../../src/api/http/problem.ts';
import type { Answer } from '../system.ts';

/** Body of an answer that is not a success. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
}

/** Expects a complete problem of this kind and returns it. */
export function expectProblem({ status, headers, body }: Answer<unknown>, code: ProblemCode): Problem {
  const problem = body as Problem;
  expect(problem, JSON.stringify(problem)).toMatchObject({ code, status: PROBLEMS[code].status });
  expect(status).toBe(PROBLEMS[code].status);
  expectCompleteProblem(headers.get('content-type'), problem);
  expect(headers.get('x-request-id')).toBe(problem.requestId);
  return problem;
}

/** Expects every member that clients rely on, and no other: no stack, no cause. */
export function expectCompleteProblem(contentType: string | null, problem: Problem): void {
  expect(contentType).toBe('application/problem+json');
  expect(Object.keys(problem).toSorted()).toEqual(['code', 'detail', 'errors', 'requestId', 'status', 'title', 'type']);
  expect(problem.type).toBe(`urn:order-saga:problem:${problem.code}`);
  expect(problem.requestId).toMatch(/^[0-9a-f-]{36}$/);
  for (const error of problem.errors) expect(Object.keys(error).toSorted()).toEqual(['detail', 'pointer']);
}

/** Fields that a validation problem points at, each once. */
export function pointersOf({ errors }: Problem): string[] {
  return [...new Set(errors.map(({ pointer }) => pointer))];
}

/** Expects 503 with a `Retry-After` in whole seconds. */
export function expectUnavailable(answer: Answer<unknown>): void {
  expectProblem(answer, 'unavailable');
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
}
