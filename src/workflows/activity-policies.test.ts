import { describe, expect, it } from 'vitest';
import {
  paymentBudgetMs,
  policyContradictions,
  STEP_POLICIES,
  type PolicySettings,
  type StepPolicy,
} from './activity-policies.ts';
import type { Collaborator, TaskQueue } from './contract.ts';

const DEFAULTS: PolicySettings = { holdTtlSeconds: 1_800 };

function contradictionsOf(change: Partial<StepPolicy>): string[] {
  return policyContradictions(DEFAULTS, { takePayment: { ...STEP_POLICIES.takePayment, ...change } });
}

describe('the validator of the policies', () => {
  it('finds nothing in the defaults', () => {
    expect(policyContradictions(DEFAULTS)).toEqual([]);
  });

  it('wants a hold to outlive the whole budget of the payment and of the commit after it', () => {
    // 2 s locally, waits of 756 s, 6 attempts of 5 s, and 600 s for the commit.
    const needed = 2 + 756 + 6 * 5 + 600;
    expect(policyContradictions({ holdTtlSeconds: needed })).toEqual([
      'HOLD_TTL_SECONDS is 1388, but a payment may take 788 s and the commit after it 600 s: it must be more than 1388',
    ]);
    expect(policyContradictions({ holdTtlSeconds: needed + 1 })).toEqual([]);
  });

  it('wants a local try to fit into a workflow task', () => {
    expect(contradictionsOf({ localTimeoutMs: 5_000 })).toEqual([
      'takePayment: a local try of 5000 ms does not fit into a workflow task',
    ]);
    expect(contradictionsOf({ localTimeoutMs: 4_999 })).toEqual([]);
  });

  it('wants every step to have a limit after which a person is asked', () => {
    expect(contradictionsOf({ maxAttempts: null, budgetMs: null })).toEqual([
      'takePayment: neither attempts nor time are limited, so no case would ever open',
    ]);
    expect(contradictionsOf({ maxAttempts: null, budgetMs: 1_000 })).toEqual([]);
  });

  it('wants an attempt at the gateway to hold a look-up and a call', () => {
    expect(contradictionsOf({ attemptTimeoutMs: 4_500 })).toEqual([
      'takePayment: a look-up and a call do not fit into one attempt of 4500 ms',
    ]);
    expect(contradictionsOf({ attemptTimeoutMs: 4_501 })).toEqual([]);
  });

  it('reports all contradictions at once', () => {
    const policy: StepPolicy = { ...STEP_POLICIES.takePayment, localTimeoutMs: 9_000, attemptTimeoutMs: 1_000 };
    expect(policyContradictions({ holdTtlSeconds: 1 }, { policy })).toHaveLength(3);
  });
});

describe('the table of the policies', () => {
  const policies: readonly StepPolicy[] = Object.values(STEP_POLICIES);

  it('gives every step an id of its own, which a person can read', () => {
    expect(new Set(policies.map(({ id }) => id)).size).toBe(policies.length);
    for (const { id } of policies) expect(id).toMatch(/^[a-z]+-[a-z]+$/);
  });

  it("runs every collaborator's steps on its queue, and the order's own on its own", () => {
    const queueOf: Record<Collaborator, TaskQueue> = {
      payment: 'payments',
      inventory: 'inventory',
      notification: 'notifications',
    };
    for (const { collaborator, queue } of policies) {
      expect(queue).toBe(collaborator === null ? 'orders' : queueOf[collaborator]);
    }
  });

  it('notices a killed worker within 5 s in every step', () => {
    for (const { attemptTimeoutMs } of policies) expect(attemptTimeoutMs).toBeLessThanOrEqual(5_000);
  });

  it('asks a person about an unknown payment within 15 minutes', () => {
    expect(paymentBudgetMs()).toBeLessThanOrEqual(15 * 60 * 1_000);
  });

  it('never gives up an undo', () => {
    const { undoPayment, releaseStock } = STEP_POLICIES;
    expect([undoPayment.whenSpent, releaseStock.whenSpent]).toEqual(['persist', 'persist']);
  });
});
