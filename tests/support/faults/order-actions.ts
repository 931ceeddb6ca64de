import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { createDecisionRepository } from '../../../db/repositories/orders/decision-repository.ts';
import { createNoticeRepository } from '../../../db/repositories/payments/notice-repository.ts';
import { createReservationRepository } from '../../../db/repositories/inventory/reservation-repository.ts';
import type { CaseAction } from '../../../src/domain/case.ts';
import type { OrderStatus } from '../../../src/domain/order-status.ts';
import type { PaymentNotice } from '../../../src/domain/payments/payment-notice.ts';
import { DECISION_SWEEP_WORKFLOW } from '../../../src/workflows/contract.ts';
import type { Answer, TestSystem } from '../system.ts';

/** A charge at the provider that no order has asked for. */
export async function chargeAtProvider(
  { simulatorUrl }: TestSystem,
  charge: { readonly orderId: string; readonly key: string; readonly kind?: 'sale' | 'authorize' },
): Promise<void> {
  const { orderId, key, kind = 'sale' } = charge;
  const answer = await fetch(`${simulatorUrl}/v1/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ orderId, kind, amountMinor: 4_500, currency: 'EUR', method: 'pm_ok' }),
  });
  if (answer.status !== 201) throw new Error(`not charged: ${answer.status}`);
}

/** Money of a charge that somebody moves in the provider's dashboard; all that is left without an amount. */
export async function moveAtProvider(
  { simulatorUrl }: Pick<TestSystem, 'simulatorUrl'>,
  kind: 'capture' | 'refund',
  { chargeKey, amountMinor }: { readonly chargeKey: string; readonly amountMinor?: number | undefined },
): Promise<void> {
  const answer = await fetch(`${simulatorUrl}/v1/payments/${encodeURIComponent(chargeKey)}/external-${kind}s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amountMinor }),
  });
  if (answer.status !== 201) throw new Error(`not moved: ${answer.status}`);
}

/** Stores a report as the API does, and goes no further: as after a crash in that moment. */
export async function storeNotice(
  { database }: TestSystem,
  news: Pick<PaymentNotice, 'provider' | 'eventId' | 'kind' | 'orderId' | 'key'> & Partial<PaymentNotice>,
): Promise<void> {
  const usual = {
    chargeRef: null,
    movementRef: null,
    amountMinor: 4_500,
    currency: 'EUR',
    occurredAt: new Date().toISOString(),
  };
  await createNoticeRepository(database.databases.payments).add({ ...usual, ...news });
}

/** Waits until the order has a status; also outside of a test. */
export async function untilStatus(system: TestSystem, orderId: string, status: OrderStatus): Promise<void> {
  const read = (): Promise<{ status: string }[]> =>
    system.database.query<{ status: string }>('SELECT status FROM orders.orders WHERE order_id = $1', [orderId]);
  await untilSeen(system, orderId, { what: status, look: async () => (await read())[0]?.status === status });
}

/** Waits until no command owns the order any more. */
export async function untilUnowned(system: TestSystem, orderId: string): Promise<void> {
  const look = async (): Promise<boolean> => {
    const [row] = await system.database.query<{ owner: string | null }>(
      'SELECT owner_command_id AS owner FROM orders.orders WHERE order_id = $1',
      [orderId],
    );
    return row?.owner === null;
  };
  await untilSeen(system, orderId, { what: "nobody's", look });
}

/** Everything that is known about an order in the wrong state, since the reader of a failed test has nothing else. */
async function tellOf(system: TestSystem, orderId: string): Promise<string> {
  const row = `SELECT status, version, refusal, updated_at FROM orders.orders WHERE order_id = $1`;
  const events = `SELECT seq, type, data, at FROM orders.order_events WHERE order_id = $1 ORDER BY seq`;
  const commands = `SELECT kind, decision, generation, answered_at FROM orders.order_commands WHERE order_id = $1`;
  const operations = `SELECT key, state FROM payments.operations WHERE order_id = $1`;
  const rows = await Promise.all(
    [row, events, commands, operations].map((text) => system.database.query(text, [orderId])),
  );
  const workflows: string[] = [];
  for await (const run of system.client.workflow.list({ query: `WorkflowId STARTS_WITH 'order/${orderId}'` })) {
    const history = await system.client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
    workflows.push(`${run.workflowId} ${run.status.name}: ${(history.events ?? []).map(nameOf).join(' ')}`);
  }
  return `${JSON.stringify(rows, null, 1)}\n${workflows.join('\n')}`;
}

function nameOf({ eventId, eventType }: { eventId?: unknown; eventType?: unknown }): string {
  return `${String(eventId)}:${String(eventType)}`;
}

/**
 * Seconds, unless a busy machine makes attempts fail for their time: the provider is then asked again after 1, 5, 25 and
 * 125 s. A little less than a test has, so that a test that fails tells of its order.
 */
const PATIENCE_MS = 280_000;

async function untilSeen(
  system: TestSystem,
  orderId: string,
  { what, look }: { readonly what: string; readonly look: () => Promise<boolean> },
): Promise<void> {
  if (!(await untilPatienceEnds(look, Boolean))) {
    throw new Error(`${orderId} is not ${what} in time: ${await tellOf(system, orderId)}`);
  }
}

const FIRST_PAUSE_MS = 50;
const PAUSES_GROW_BY = 1.2;
/** As long as the service asks its clients to wait. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * Asks until there is an answer, with pauses that grow. Clients that repeat at once would take a slow machine from the
 * service that they wait for.
 * @returns the last answer; it is not what was waited for when the time is over.
 */
export async function untilPatienceEnds<Answered>(
  ask: () => Promise<Answered>,
  isIt: (answer: Answered) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<Answered> {
  const deadline = Date.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(PAUSES_GROW_BY * pauseMs, LONGEST_PAUSE_MS)) {
    const answer = await ask();
    if (isIt(answer) || Date.now() > deadline) return answer;
    await sleep(pauseMs);
  }
}

/** A route of an order, its body, and the key that it is given under. */
export interface GivenCommand {
  readonly route: 'cancel' | 'capture' | 'refunds' | 'payments/reconcile';
  readonly key?: string;
  readonly amountMinor?: number | null;
  readonly reason?: string;
}

type CommandAnswer = Answer<{ decision?: string; code?: string }>;

/** Gives an order a command under a fresh key unless one is given; repeats it as a client would while it is 503. */
export function giveCommand(
  system: Pick<TestSystem, 'request'>,
  orderId: string,
  { route, key = randomUUID(), ...body }: GivenCommand,
): Promise<CommandAnswer> {
  const init = { method: 'POST', headers: { 'idempotency-key': key }, body: JSON.stringify(body) };
  return untilPatienceEnds(
    () => system.request(`/v1/orders/${orderId}/${route}`, init),
    ({ status }) => status !== 503,
  );
}

/** Gives an order a command, and repeats it under its key until it is decided and the order is not another one's. */
export async function insistOn(
  system: TestSystem,
  orderId: string,
  { key = randomUUID(), ...command }: GivenCommand,
): Promise<CommandAnswer> {
  const answer = await untilPatienceEnds(() => giveCommand(system, orderId, { ...command, key }), isLast);
  if (isLast(answer)) return answer;
  const open = answer.body.code ?? answer.body.decision;
  throw new Error(`${command.route} of ${orderId} is still ${open}: ${await tellOf(system, orderId)}`);
}

function isLast({ body }: CommandAnswer): boolean {
  return body.decision !== 'pending' && body.code !== 'order_busy';
}

interface CaseBody {
  readonly id: string;
  readonly version: number;
  readonly step: string;
}

/** The open case of an order, when there is one. */
export async function openCaseOf(system: TestSystem, orderId: string): Promise<CaseBody> {
  const list = (): Promise<Answer<{ items: CaseBody[] }>> => system.request(`/v1/cases?state=open&orderId=${orderId}`);
  await untilSeen(system, orderId, { what: 'in a case', look: async () => (await list()).body.items.length > 0 });
  const [first] = (await list()).body.items;
  return first ?? openCaseOf(system, orderId);
}

/** Decides the open case of an order; looks again when it has changed meanwhile. */
export async function resolveCase(
  system: TestSystem,
  orderId: string,
  { actor, ...decision }: { readonly action: CaseAction; readonly actor?: string; readonly [field: string]: unknown },
): Promise<void> {
  for (;;) {
    const { id, version } = await openCaseOf(system, orderId);
    const answer = await system.request(`/v1/cases/${id}/resolve`, {
      method: 'POST',
      headers: { 'idempotency-key': randomUUID() },
      body: JSON.stringify({ reason: 'a test', version, ...decision }),
      ...(actor === undefined ? {} : { token: await system.token('demo', undefined, actor) }),
    });
    if (answer.status === 200 || answer.status === 202) return;
    if (answer.body['code'] !== 'case_stale') throw new Error(`not resolved: ${JSON.stringify(answer.body)}`);
  }
}

/** Stores a decision about the open case of an order as the API does, and goes no further: as after a crash then. */
export async function storeDecision(
  system: TestSystem,
  orderId: string,
  action: CaseAction = 'retry',
): Promise<{ readonly decisionId: string; readonly caseId: string }> {
  const { id: caseId, version: caseVersion } = await openCaseOf(system, orderId);
  const decisionId = `act_${randomUUID()}`;
  const decision = { decisionId, caseId, caseVersion, action, tenantId: 'demo', patch: null, evidence: null } as const;
  const decisions = createDecisionRepository(system.database.databases.orders);
  await decisions.decide({ ...decision, actor: 'ada', reason: 'a test', state: 'decided' });
  return { decisionId, caseId };
}

/** Hands over what was decided and not carried out, whatever its pause, as the schedule does. */
export async function sweepDecisions(system: TestSystem): Promise<string> {
  await system.database.query(`UPDATE orders.case_decisions SET due_at = now() WHERE state = 'decided'`);
  const workflowId = `sweep-${randomUUID()}`;
  await system.client.workflow.execute(DECISION_SWEEP_WORKFLOW, { workflowId, taskQueue: 'orders' });
  return workflowId;
}

/** Lets the time of an order's hold run out, and sweeps it. */
export async function expireHold(system: TestSystem, orderId: string): Promise<void> {
  await makeHoldOverdue(system, orderId);
  await createReservationRepository(system.database.databases.inventory).expire('demo', orderId);
}

/** Lets the time of an order's hold run out; nothing has noticed it yet. */
export async function makeHoldOverdue(system: TestSystem, orderId: string): Promise<void> {
  await system.database.query(
    `UPDATE inventory.reservations SET expires_at = now() - interval '1 second' WHERE order_id = $1`,
    [orderId],
  );
}

/** Takes a workflow back to its first task, as an operator does in the Web UI. @returns the new run. */
export async function resetToStart(
  { client }: Pick<TestSystem, 'client'>,
  workflowId: string,
): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
  const done = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'a test',
    workflowTaskFinishEventId: firstTask?.eventId ?? null,
    requestId: randomUUID(),
  });
  return client.workflow.getHandle(workflowId, done.runId);
}
