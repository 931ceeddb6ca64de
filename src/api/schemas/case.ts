import { z } from '@hono/zod-openapi';
import { CASE_ACTIONS, CASE_STATES } from '../../domain/case.ts';
import { instant, pageQuery, text } from './primitives.ts';

/** A case as operators see it. */
export const caseView = z
  .object({
    id: z.string().openapi({ description: 'Case id', example: 'case_abcdefghijklmnopqrstuvwxyz' }),
    orderId: z.string().openapi({ description: 'The order that waits', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
    step: z.string().openapi({ description: 'Step that could not be done', example: 'take-payment' }),
    errorCode: z.string().openapi({ description: 'Stable code of the last failure', example: 'payment_mismatch' }),
    message: z.string().openapi({ description: 'Message of the last failure; carries no personal data' }),
    fingerprint: z
      .string()
      .openapi({ description: 'Failures of one cause share it', example: 'take-payment/payment_mismatch' }),
    attempts: z.int().openapi({ description: 'How often the step has ended here', example: 1 }),
    input: z.record(z.string(), z.unknown()).openapi({ description: 'What the step was asked to do, redacted' }),
    openedAt: instant('When it was opened'),
    lastSeenAt: instant('When it last failed'),
    state: z.enum(CASE_STATES).openapi({ description: 'Whether it waits for a person' }),
    resolution: z.string().nullable().openapi({ description: 'How it ended' }),
    owner: z.string().nullable().openapi({ description: 'Who acted last' }),
    proposal: z
      .object({
        actor: z.string().openapi({ description: 'Who proposed it' }),
        evidence: z.string().openapi({ description: 'Reference of the payment outside' }),
      })
      .nullable()
      .openapi({ description: 'A resolution by evidence that waits for a second approver' }),
    version: z.int().openapi({ description: 'Send it with a decision: the first of two wins', example: 1 }),
    actions: z.array(z.enum(CASE_ACTIONS)).openapi({ description: 'What can be done' }),
    workflow: z
      .object({
        id: z.string().openapi({ description: 'The parked workflow' }),
        url: z.string().openapi({ description: 'The workflow in the Temporal Web UI' }),
      })
      .openapi({ description: 'What waits' }),
  })
  .openapi('Case');

/** Query of `GET /v1/cases`. */
export const listCasesQuery = z.strictObject({
  state: z.enum(CASE_STATES).optional().openapi({ description: 'Only cases in this state' }),
  step: text(64).optional().openapi({ description: 'Only cases of this step' }),
  errorCode: text(64).optional().openapi({ description: 'Only cases with this failure' }),
  fingerprint: text(128).optional().openapi({ description: 'Only cases of this cause' }),
  orderId: text(64).optional().openapi({ description: 'Only cases of this order' }),
  ...pageQuery,
});

/** A page of cases. */
export const casePage = z
  .object({
    items: z.array(caseView).openapi({ description: 'Newest first' }),
    nextCursor: z.string().nullable().openapi({ description: 'Cursor of the next page; null on the last one' }),
  })
  .openapi('CasePage');

const reason = text(500).openapi({ description: 'Why, for the record', example: 'gateway is back' });

/** Body of `POST /v1/cases/{id}/resolve`. */
export const resolveCaseBody = z
  .strictObject({
    action: z.enum(CASE_ACTIONS).openapi({ description: 'What to do; one of `actions`' }),
    patch: z
      .strictObject({
        method: text(255).optional().openapi({ description: 'Another payment method', example: 'pm_ok' }),
      })
      .optional()
      .openapi({ description: '`retryWith`: what to change of the input; the amount cannot be changed' }),
    evidence: text(255).optional().openapi({
      description: '`forceResolve`: reference that proves what happened outside; a second person must send the same',
      example: 'bank-2026-0117',
    }),
    reason,
    version: z.int().min(1).openapi({ description: 'Version of the case that was decided on', example: 1 }),
  })
  .superRefine((body, ctx) => {
    if (body.action === 'retryWith' && body.patch?.method === undefined) {
      ctx.addIssue({ code: 'custom', path: ['patch'], message: 'is required for retryWith' });
    }
    if (body.action === 'forceResolve' && body.evidence === undefined) {
      ctx.addIssue({ code: 'custom', path: ['evidence'], message: 'is required for forceResolve' });
    }
  })
  .openapi('ResolveCase');
export type ResolveCaseBody = z.output<typeof resolveCaseBody>;

/** Answer to a decision. */
export const resolvedCaseView = z
  .object({
    outcome: z.enum(['carried_out', 'awaiting_second_approver', 'pending']).openapi({
      description: '`carried_out`: the workflow has it; `pending`: no worker has answered yet, it is not lost',
    }),
    case: z.object({ ...caseView.shape }).openapi({ description: 'The case as it is now' }),
  })
  .openapi('ResolvedCase');

/** Body of `POST /v1/cases/redrive`. */
export const redriveBody = z
  .strictObject({
    fingerprint: text(128).openapi({ description: 'The cause', example: 'take-payment/payment_contract' }),
    canary: z.int().min(1).max(100).default(1).openapi({ description: 'Cases that go first', example: 1 }),
    maxPerSecond: z.int().min(1).max(100).default(20).openapi({ description: 'Orders resumed a second', example: 20 }),
    reason: reason.optional(),
  })
  .openapi('Redrive');

/** How far a redrive is. */
export const redriveView = z
  .object({
    id: z.string().openapi({ description: 'Redrive id' }),
    state: z.enum(['canary', 'tenth', 'rest', 'done', 'stopped']).openapi({
      description: '`stopped`: cases failed again, so the rest was left alone',
    }),
    tried: z.int().openapi({ description: 'Cases tried' }),
    resolved: z.int().openapi({ description: 'Cases that succeeded' }),
    failedAgain: z.int().openapi({ description: 'Cases that failed again' }),
    url: z.string().openapi({ description: 'The redrive in the Temporal Web UI' }),
  })
  .openapi('RedriveProgress');
