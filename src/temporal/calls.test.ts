import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { expect, it } from 'vitest';
import { DeadlineExceededError } from '../runtime/deadline.ts';
import { isNoAnswer } from './calls.ts';

/** Errors in the form that grpc-js makes. */
const unavailable = Object.assign(new Error('14 UNAVAILABLE: no connection'), {
  code: 14,
  details: 'no connection',
  metadata: {},
});

it.each([
  ['our own limit', new DeadlineExceededError('no answer within 4 ms')],
  ['an error of the connection', unavailable],
  ['one that the SDK has wrapped', new ServiceError('Failed to describe', { cause: unavailable })],
])('An error that is %s is no answer of Temporal', (_, error) => expect(isNoAnswer(error)).toBe(true));

it.each([
  ['what Temporal says', new WorkflowNotFoundError('not found', 'order/1', undefined)],
  ['a bug', new TypeError('undefined is not a function', { cause: new RangeError('x') })],
  ['what is no error at all', 'UNAVAILABLE'],
])('An error that is %s is an answer of Temporal', (_, error) => expect(isNoAnswer(error)).toBe(false));
