import type { Database, Statement } from '../../client.ts';

/** A step of a workflow, named as in the Web UI. */
export interface WaitingStep {
  readonly workflowId: string;
  readonly step: string;
}

/** Steps that wait for the payment provider to answer again. */
export interface WaitingStepRepository {
  /** Records that an attempt of the step had no answer. Steps with the same `route` wait for the same thing. */
  note(waiting: WaitingStep & { readonly route: string }): Promise<void>;
  /** Records that the step no longer waits; returns its route, or null when the step had not waited. */
  remove(step: WaitingStep): Promise<string | null>;
  /**
   * Makes all steps of a route due at once, because one of them had an answer. Steps that were woken and are running
   * stay as they are.
   */
  answered(route: string): Promise<void>;
  any(): Promise<boolean>;
  /** Makes all steps due as soon as the provider, which is away now, is back. */
  makeDue(): Promise<void>;
  /** Takes the steps that are due. Each of them is due again after a pause that doubles each time. */
  claimDue(limit: number): Promise<WaitingStep[]>;
}

export function createWaitingStepRepository(db: Database): WaitingStepRepository {
  return {
    note: async ({ workflowId, step, route }) => {
      await db.run(NOTE_WAITING, [workflowId, step, route]);
    },
    remove: async ({ workflowId, step }) => {
      const [row] = await db.run<{ route: string }>(REMOVE_WAITING, [workflowId, step]);
      return row?.route ?? null;
    },
    answered: async (route) => {
      await db.run(ROUTE_ANSWERED, [route]);
    },
    any: async () => {
      const [row] = await db.run<{ found: boolean }>(ANY_WAITING, []);
      return row?.found ?? false;
    },
    makeDue: async () => {
      await db.run(MAKE_WAITING_DUE, []);
    },
    claimDue: (limit) => db.run<WaitingStep>(CLAIM_WAITING, [limit]),
  };
}

/**
 * A step retries by itself after 1 s and 5 s, so it is woken after 10 s at the earliest. After each wake-up in vain the
 * pause doubles, up to a day: a wake-up writes some 20 events into the history of a parked step, which may wait for a
 * year.
 */
const FIRST_WAKE = `interval '10 seconds'`;
const PAUSE_AFTER_WAKE = `least(interval '10 seconds' * power(2, least(w.wakes + 1, 20)), interval '1 day')`;

const NOTE_WAITING: Statement = {
  name: 'note_waiting_step',
  text: `
INSERT INTO payments.waiting_steps (workflow_id, step, route, due_at) VALUES ($1, $2, $3, now() + ${FIRST_WAKE})
ON CONFLICT (workflow_id, step) DO UPDATE SET failed_at = now(), route = excluded.route`,
};

const REMOVE_WAITING: Statement = {
  name: 'remove_waiting_step',
  text: 'DELETE FROM payments.waiting_steps WHERE workflow_id = $1 AND step = $2 RETURNING route',
};

/** Locked rows are skipped: the transaction that locks them makes the same change, and nobody has to wait. */
const ROUTE_ANSWERED: Statement = {
  name: 'waiting_route_answered',
  text: `
UPDATE payments.waiting_steps w SET wakes = 0, due_at = now()
WHERE (w.workflow_id, w.step) IN (
  SELECT o.workflow_id, o.step FROM payments.waiting_steps o
  WHERE o.route = $1 AND o.due_at > now() AND o.failed_at >= coalesce(o.woken_at, '-infinity')
  FOR UPDATE SKIP LOCKED)`,
};

const ANY_WAITING: Statement = {
  name: 'any_waiting_step',
  text: 'SELECT EXISTS (SELECT FROM payments.waiting_steps) AS found',
};

const MAKE_WAITING_DUE: Statement = {
  name: 'make_waiting_steps_due',
  text: `
UPDATE payments.waiting_steps w SET wakes = 0, due_at = now()
WHERE (w.workflow_id, w.step) IN (
  SELECT o.workflow_id, o.step FROM payments.waiting_steps o WHERE o.wakes > 0 OR o.due_at > now()
  FOR UPDATE SKIP LOCKED)`,
};

const CLAIM_WAITING: Statement = {
  name: 'claim_waiting_steps',
  text: `
UPDATE payments.waiting_steps w SET wakes = w.wakes + 1, woken_at = now(), due_at = now() + ${PAUSE_AFTER_WAKE}
WHERE (w.workflow_id, w.step) IN (
  SELECT o.workflow_id, o.step FROM payments.waiting_steps o WHERE o.due_at <= now()
  ORDER BY o.due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING w.workflow_id AS "workflowId", w.step`,
};
