import { expect, it } from 'vitest';
import { paymentBudgetMs, STEP_POLICIES, type StepPolicy } from './step-policies.ts';
import { NOTIFICATION_POLICY } from './background-policies.ts';
import type { TaskQueue } from '../contract.ts';
import type { Collaborator } from '../../domain/order-settings.ts';
import { policyContradictions, type PolicySettings } from './policy-check.ts';

const DEFAULTS: PolicySettings = { holdTtlSeconds: 1_800 };

function contradictionsOf(change: Partial<StepPolicy>): string[] {
  return policyContradictions(DEFAULTS, { takePayment: { ...STEP_POLICIES.takePayment, ...change } });
}

it('The validator of the policies finds nothing in the defaults', () => {
  expect(policyContradictions(DEFAULTS)).toEqual([]);
});

it('The validator of the policies wants a hold to outlive the whole budget of the payment and of the commit after it', () => {
  // 2 s locally, waits of 756 s and a tenth more, 6 attempts of 5 s, and 600 s for the commit: 1463.6 s.
  expect(policyContradictions({ holdTtlSeconds: 1_464 })).toEqual([
    'HOLD_TTL_SECONDS is 1464, but a payment may take 864 s and the commit after it 600 s: it must be more than 1464',
  ]);
  expect(policyContradictions({ holdTtlSeconds: 1_465 })).toEqual([]);
});

it('The validator of the policies judges the limits that are set', () => {
  const stepLimits = { 'take-payment': { budgetMs: 900_000 }, 'commit-stock': { budgetMs: 120_000, maxAttempts: 9 } };
  expect(policyContradictions({ holdTtlSeconds: 1_022, stepLimits })).toEqual([
    'HOLD_TTL_SECONDS is 1022, but a payment may take 902 s and the commit after it 120 s: it must be more than 1022',
  ]);
  expect(policyContradictions({ holdTtlSeconds: 1_023, stepLimits })).toEqual([]);
  expect(policyContradictions({ ...DEFAULTS, stepLimits: { 'hold-stock': { budgetMs: 5_000 } } })).toEqual([
    'holdStock: its waits and attempts may take 63 s, its budget is 5 s',
  ]);
});

it('The validator of the policies wants the first wait of an event to be no longer than the longest, and all to fit into its days in the log', () => {
  const found = (change: object): string[] => {
    const retries = { maxAttempts: 4, firstWaitSeconds: 2, longestWaitSeconds: 8, ...change };
    return policyContradictions({
      ...DEFAULTS,
      eventRetries: { 'analytics/custom': retries },
      eventRetentionDays: 1,
    });
  };
  expect(found({})).toEqual([]);
  expect(found({ firstWaitSeconds: 9 })).toEqual([
    'events analytics/custom: the first wait is 9 s, the longest only 8 s',
  ]);
  expect(found({ maxAttempts: 25, firstWaitSeconds: 3_600, longestWaitSeconds: 3_600 })).toEqual([
    'events analytics/custom: 25 attempts wait 86400 s, but EVENT_RETENTION_DAYS is 1: ' +
      'an event must be tried to its end before it leaves the log',
  ]);
  expect(found({ maxAttempts: 24, firstWaitSeconds: 3_600, longestWaitSeconds: 3_600 })).toEqual([]);
});

it('The validator of the policies wants a local try to fit into a workflow task', () => {
  expect(contradictionsOf({ localTimeoutMs: 5_000 })).toEqual([
    'takePayment: a local try of 5000 ms does not fit into a workflow task',
  ]);
  expect(contradictionsOf({ localTimeoutMs: 4_999 })).toEqual([]);
});

it('The validator of the policies wants every step to have a limit after which a person is asked', () => {
  expect(contradictionsOf({ maxAttempts: null, budgetMs: null })).toEqual([
    'takePayment: neither attempts nor time are limited, so no case would ever open',
  ]);
  expect(contradictionsOf({ maxAttempts: null, budgetMs: 900_000 })).toEqual([]);
});

it('The validator of the policies wants an attempt at the gateway to hold a look-up and a call', () => {
  expect(contradictionsOf({ attemptTimeoutMs: 4_500 })).toEqual([
    'takePayment: a look-up and a call do not fit into one attempt of 4500 ms',
  ]);
  expect(contradictionsOf({ attemptTimeoutMs: 4_501 })).toEqual([]);
});

it.each(Object.entries<StepPolicy>(STEP_POLICIES))(
  'The validator of the policies wants the budget of %s to hold all its waits at their longest',
  (name, policy) => {
    const tooShort = { ...policy, budgetMs: 30_000 };
    const found = policyContradictions(DEFAULTS, { [name]: tooShort });
    expect(found).toEqual([
      expect.stringMatching(`^${name}: its waits and attempts may take \\d+ s, its budget is 30 s$`),
    ]);
  },
);

it('The validator of the policies finds a budget that holds the waits of a payment only while none of them is drawn longer', () => {
  const waits = 756 * 1_000 + 6 * 5_000;
  expect(contradictionsOf({ budgetMs: waits })).toEqual([
    'takePayment: its waits and attempts may take 862 s, its budget is 786 s',
  ]);
  expect(contradictionsOf({ budgetMs: waits + 75_600 })).toEqual([]);
});

it('The validator of the policies wants the same of the work beside the orders', () => {
  const notification = { ...NOTIFICATION_POLICY, budgetMs: 60_000 };
  expect(policyContradictions(DEFAULTS, {}, { notification })).toEqual([
    'notification: its waits and attempts may take 976 s, its budget is 60 s',
  ]);
});

it('The validator of the policies reports all contradictions at once', () => {
  const policy: StepPolicy = { ...STEP_POLICIES.takePayment, localTimeoutMs: 9_000, attemptTimeoutMs: 1_000 };
  expect(policyContradictions({ holdTtlSeconds: 1 }, { policy })).toHaveLength(3);
});

const policies: readonly StepPolicy[] = Object.values(STEP_POLICIES);

it('The table of the policies gives every step an id of its own, which a person can read', () => {
  expect(new Set(policies.map(({ id }) => id)).size).toBe(policies.length);
  for (const { id } of policies) expect(id).toMatch(/^[a-z]+-[a-z]+$/);
});

it("The table of the policies runs every collaborator's steps on its queue, and the order's own on its own", () => {
  const queueOf: Record<Collaborator, TaskQueue> = {
    payment: 'payments',
    inventory: 'inventory',
    notification: 'notifications',
  };
  for (const { collaborator, queue } of policies) {
    expect(queue).toBe(collaborator === null ? 'orders' : queueOf[collaborator]);
  }
});

it('The table of the policies notices a killed worker within 5 s in every step', () => {
  for (const { attemptTimeoutMs } of policies) expect(attemptTimeoutMs).toBeLessThanOrEqual(5_000);
});

it('The table of the policies asks a person about an unknown payment within 15 minutes', () => {
  expect(paymentBudgetMs()).toBeLessThanOrEqual(15 * 60 * 1_000);
});

it('The table of the policies never gives up an undo', () => {
  const { undoPayment, releaseStock } = STEP_POLICIES;
  expect([undoPayment.whenSpent, releaseStock.whenSpent]).toEqual(['persist', 'persist']);
});
