import { expect, it } from 'vitest';
import { FAILURE_CODES } from '../../domain/errors.ts';
import { policyOf, STEP_POLICIES, type StepName } from './step-policies.ts';
import { waitingSummaryOf } from './step-summary.ts';

/** Temporal's limit, in bytes. */
const LIMIT = 400;

const names = Object.keys(STEP_POLICIES) as StepName[];

it('The summary of a pending step says what it waits for, why, and when a case opens', () => {
  expect(waitingSummaryOf(policyOf('takePayment'), 'payment_gateway_open')).toBe(
    'Take the payment: waits for the payment provider (payment_gateway_open); a case opens after 862 s',
  );
  expect(waitingSummaryOf(policyOf('holdStock'), null)).toBe(
    'Hold all lines, freeze prices: waits for a worker of the queue inventory, then the database of inventory; ' +
      'a case opens after 600 s',
  );
  const limited = policyOf('confirmOrder', { 'confirm-order': { budgetMs: 60_000, maxAttempts: 5 } });
  expect(waitingSummaryOf(limited, 'timeout')).toBe(
    'Confirm the order: waits for the database of orders (timeout); a case opens after 60 s or 5 attempts',
  );
});

it.each(names)('The summaries of the step %s stay below the limit of Temporal', (name) => {
  const policy = policyOf(name, { [STEP_POLICIES[name].id]: { budgetMs: 999_999_999, maxAttempts: 999_999 } });
  for (const failure of [null, 'timeout', ...FAILURE_CODES]) {
    expect(Buffer.byteLength(waitingSummaryOf(policy, failure))).toBeLessThan(LIMIT);
  }
});
