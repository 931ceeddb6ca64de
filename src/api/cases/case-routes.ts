import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { CaseRecord, CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import type { DecisionAction } from '../../domain/case.ts';
import { redriveWorkflowId } from '../../workflows/contract.ts';
import { guardedBy, requireScope } from '../access/auth.ts';
import type { Scope } from '../../domain/access/scopes.ts';
import type { CaseResolution } from './case-resolution.ts';
import type { ApiEnv } from '../http/context.ts';
import { decodeCursor, foreignCursor, toPage } from '../http/cursor.ts';
import { parseIdempotencyKey } from '../http/idempotency-key.ts';
import { notFound } from '../http/problem.ts';
import { operatorOf } from '../operator-log.ts';
import {
  casePage,
  caseView,
  listCasesQuery,
  redriveBody,
  redriveView,
  resolveCaseBody,
  resolvedCaseView,
} from './case-schemas.ts';
import { idempotencyHeader, pathId, plainInstant } from '../http/primitive-schemas.ts';
import { problems } from '../http/problem-schemas.ts';
import { validationHook } from '../http/validation.ts';

export interface CaseRoutesDeps {
  readonly cases: CaseRepository;
  readonly resolution: CaseResolution;
  /** Address of a workflow in the Temporal Web UI. */
  readonly workflowUrl: (workflowId: string) => string;
}

const casePath = z.object({ id: pathId.openapi({ description: 'Case id', example: 'case_...' }) });
const redrivePath = z.object({ id: pathId.openapi({ description: 'Redrive id', example: 'red_...' }) });
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });

const listCases = createRoute({
  method: 'get',
  path: '/v1/cases',
  tags: ['Cases'],
  summary: 'List cases, newest first',
  ...guardedBy('ops:read'),
  request: { query: listCasesQuery },
  responses: { 200: { description: 'A page of cases', content: json(casePage) }, ...problems('validation_failed') },
});

const getCase = createRoute({
  method: 'get',
  path: '/v1/cases/{id}',
  tags: ['Cases'],
  summary: 'Read a case',
  ...guardedBy('ops:read'),
  request: { params: casePath },
  responses: { 200: { description: 'The case', content: json(caseView) }, ...problems('not_found') },
});

const BODY_PROBLEMS = [
  'malformed_json',
  'idempotency_key_missing',
  'idempotency_key_malformed',
  'unsupported_media_type',
  'payload_too_large',
  'validation_failed',
] as const;

const CASE_PROBLEMS = [
  'case_stale',
  'second_approver_required',
  'action_not_allowed',
  'idempotency_key_reused',
] as const;

const resolveCase = createRoute({
  method: 'post',
  path: '/v1/cases/{id}/resolve',
  tags: ['Cases'],
  summary: 'Decide what happens with a parked order',
  description:
    'Of two operators that saw the same version the first wins. A decision is stored before it is answered and carried out ' +
    'once. `retryWith` needs the scope `ops:retry-with` (or `ops:write`), `forceResolve` and `withdraw` need `ops:money`.',
  ...guardedBy('ops:cases'),
  request: {
    params: casePath,
    headers: idempotencyHeader,
    body: { required: true, content: json(resolveCaseBody) },
  },
  responses: {
    200: { description: 'The decision is carried out', content: json(resolvedCaseView) },
    202: {
      description: 'The decision waits for a second approver, is not carried out yet, or the step failed again',
      content: json(resolvedCaseView),
    },
    ...problems(...BODY_PROBLEMS, 'not_found', ...CASE_PROBLEMS),
  },
});

const startRedrive = createRoute({
  method: 'post',
  path: '/v1/cases/redrive',
  tags: ['Cases'],
  summary: 'Try the parked orders of one cause again',
  description:
    'First a few cases are tried, then a tenth, then the rest; the redrive stops by itself when one fails again.',
  ...guardedBy('ops:cases'),
  request: { headers: idempotencyHeader, body: { required: true, content: json(redriveBody) } },
  responses: { 202: { description: 'Started', content: json(redriveView) }, ...problems(...BODY_PROBLEMS) },
});

const getRedrive = createRoute({
  method: 'get',
  path: '/v1/cases/redrives/{id}',
  tags: ['Cases'],
  summary: 'Watch a redrive',
  ...guardedBy('ops:read'),
  request: { params: redrivePath },
  responses: { 200: { description: 'How far it is', content: json(redriveView) }, ...problems('not_found') },
});

export function createCaseRoutes({ cases, resolution, workflowUrl }: CaseRoutesDeps) {
  const view = (record: CaseRecord) => toView(record, workflowUrl);
  return new OpenAPIHono<ApiEnv>({ defaultHook: validationHook })
    .openapi(listCases, async (c) => {
      const { limit, cursor, ...filters } = c.req.valid('query');
      const before = cursor === undefined ? undefined : decodeCaseCursor(cursor);
      const found = await cases.list({ tenantId: c.get('caller').tenantId, ...filters, before, limit: limit + 1 });
      return c.json(
        toPage(found.map(view), limit, (item) => [item.openedAt, item.id]),
        200,
      );
    })
    .openapi(startRedrive, async (c) => {
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const { reason = 'redrive', ...cause } = c.req.valid('json');
      const id = await resolution.redrive({ ...operatorOf(c), idempotencyKey }, { ...cause, reason });
      const url = workflowUrl(redriveWorkflowId(id));
      c.header('Location', `/v1/cases/redrives/${id}`);
      return c.json({ id, state: 'canary', tried: 0, resolved: 0, failedAgain: 0, url } as const, 202);
    })
    .openapi(getRedrive, async (c) => {
      const { id } = c.req.valid('param');
      const progress = await resolution.findRedrive(c.get('caller').tenantId, id);
      if (progress === null) throw notFound('redrive');
      return c.json({ id, ...progress, url: workflowUrl(redriveWorkflowId(id)) }, 200);
    })
    .openapi(getCase, async (c) => {
      const found = await cases.findOptional(c.get('caller').tenantId, c.req.valid('param').id);
      if (found === null) throw notFound('case');
      return c.json(view(found), 200);
    })
    .openapi(resolveCase, async (c) => {
      const idempotencyKey = parseIdempotencyKey(c.req.header('idempotency-key'));
      const body = c.req.valid('json');
      requireScope(c.get('caller'), ACTION_SCOPES[body.action]);
      const done = await resolution.resolve({ ...operatorOf(c), idempotencyKey }, c.req.valid('param').id, body);
      const isDone = done.outcome === 'carried_out' || done.outcome === 'withdrawn';
      return c.json({ outcome: done.outcome, case: view(done.case) }, isDone ? 200 : 202);
    });
}

/**
 * `retryWith` changes what the customer has ordered or pays by. `forceResolve` states that money moved outside of the
 * provider, and `withdraw` takes such a statement back.
 */
export const ACTION_SCOPES = {
  retry: 'ops:cases',
  retryWith: 'ops:retry-with',
  skip: 'ops:cases',
  abort: 'ops:cases',
  forceResolve: 'ops:money',
  withdraw: 'ops:money',
} as const satisfies Record<DecisionAction, Scope>;

function toView(record: CaseRecord, workflowUrl: (workflowId: string) => string) {
  const { caseId, orderId, step, errorCode, message, fingerprint, attempts, input, state, resolution } = record;
  const { owner, proposal, version, workflowId, mismatch } = record;
  return {
    id: caseId,
    orderId,
    step,
    errorCode,
    message,
    fingerprint,
    attempts,
    ...amountOf(input),
    mismatch,
    input,
    state,
    resolution,
    owner,
    version,
    openedAt: record.openedAt.toISOString(),
    lastSeenAt: record.lastSeenAt.toISOString(),
    proposal: proposal && {
      actor: proposal.actor,
      evidence: proposal.evidence,
    },
    traceId: record.traceId,
    actions: actionsOf(record),
    workflow: {
      id: workflowId,
      url: workflowUrl(workflowId),
    },
  };
}

/** The amount that the step was to move, which may differ from the order's total. */
function amountOf({ amountMinor, currency }: CaseRecord['input']) {
  return typeof amountMinor === 'number' && typeof currency === 'string'
    ? { amountMinor, currency }
    : { amountMinor: null, currency: null };
}

function actionsOf({ state, actions, proposal }: CaseRecord): DecisionAction[] {
  if (state !== 'open') return [];
  return proposal === null ? actions : [...actions, 'withdraw'];
}

function decodeCaseCursor(cursor: string): { openedAt: Date; caseId: string } {
  const [openedAt = '', caseId = ''] = decodeCursor(cursor);
  if (!plainInstant.safeParse(openedAt).success || !pathId.safeParse(caseId).success) throw foreignCursor();
  return { openedAt: new Date(openedAt), caseId };
}
