import { z } from '@hono/zod-openapi';
import { CASE_STATES, DECISION_OUTCOMES, DESK_ACTIONS } from '../../domain/case.ts';
import { instant, pageQuery, text } from '../http/primitive-schemas.ts';

/** A case as operators see it. */
export const caseView = z
  .object({
    id: z.string().openapi({ description: 'Case id', example: 'case_abcdefghijklmnopqrstuvwxyz' }),
    orderId: z.string().openapi({ description: 'The order that waits', example: 'ord_abcdefghijklmnopqrstuvwxyz' }),
    step: z.string().openapi({ description: 'Step that has failed', example: 'take-payment' }),
    errorCode: z.string().openapi({ description: 'Stable code of the last failure', example: 'payment_mismatch' }),
    message: z.string().openapi({ description: 'Message of the last failure; contains no personal data' }),
    fingerprint: z
      .string()
      .openapi({ description: 'Failures of one cause share a fingerprint', example: 'take-payment/payment_mismatch' }),
    attempts: z.int().openapi({ description: 'How often the step was tried, over all its failures', example: 6 }),
    amountMinor: z.int().nullable().openapi({
      description: 'What the step was asked to move, in minor units of `currency`; null when it says no amount',
      example: 1_000,
    }),
    currency: z.string().nullable().openapi({ description: 'ISO 4217; null where no amount is', example: 'EUR' }),
    mismatch: z
      .object({
        field: z.string().openapi({ description: 'What differs', example: 'amountMinor' }),
        expected: z.union([z.string(), z.number()]).openapi({ description: 'What was asked for', example: 2_250 }),
        found: z
          .union([z.string(), z.number()])
          .nullable()
          .openapi({ description: 'The value in the provider’s answer; null when it has none', example: 2_251 }),
      })
      .nullable()
      .openapi({ description: '`payment_mismatch`: what the provider’s answer differs in; amounts in minor units' }),
    input: z.record(z.string(), z.unknown()).openapi({ description: 'Input of the step without personal data' }),
    openedAt: instant('When it was opened'),
    lastSeenAt: instant('When it last failed'),
    state: z.enum(CASE_STATES).openapi({ description: 'Whether the case waits for a person' }),
    resolution: z.string().nullable().openapi({ description: 'How it ended' }),
    owner: z.string().nullable().openapi({ description: 'Who acted last' }),
    proposal: z
      .object({
        actor: z.string().openapi({ description: 'Who proposed it' }),
        evidence: z.string().openapi({ description: 'Reference of the payment outside' }),
      })
      .nullable()
      .openapi({ description: 'A resolution by evidence that waits for a second approver' }),
    version: z.int().openapi({
      description:
        'Send it with a decision: the first of two wins. Acts of people and the end of the case raise it, tries of the ' +
        'system do not',
      example: 1,
    }),
    traceId: z.string().nullable().openapi({
      description: 'The trace in which it was opened, for the tracing backend; null when its order was not traced',
      example: '4bf92f3577b34da6a3ce929d0e0e4736',
    }),
    actions: z.array(z.enum(DESK_ACTIONS)).openapi({
      description: 'What can be done; `withdraw` takes a proposal back that waits for a second approver',
    }),
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
    action: z.enum(DESK_ACTIONS).openapi({ description: 'What to do; one of `actions`' }),
    patch: z
      .strictObject({
        method: text(255).optional().openapi({ description: 'Another payment method', example: 'pm_ok' }),
      })
      .optional()
      .openapi({ description: '`retryWith`: what to change of the input; the amount cannot be changed' }),
    evidence: text(255)
      .optional()
      .openapi({
        description:
          '`forceResolve`: reference that proves what happened outside; a second person must send the same. Who proposed a ' +
          'wrong one corrects it by sending another one, and anybody can `withdraw` it',
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
    outcome: z.enum(DECISION_OUTCOMES).openapi({
      description:
        '`carried_out`: it is done; `failed_again`: the step was tried and failed again, so the case is still open; ' +
        '`pending`: it is stored and not carried out yet, for example because the step is still being tried or no ' +
        'worker runs. It is not lost: repeat the request with the same key to hear how far it is. `withdrawn`: the ' +
        'proposal was taken back',
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
