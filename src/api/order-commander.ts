import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import type { CommandRepository } from '../../db/repositories/command-repository.ts';
import type { OrderRecord, OrderRepository } from '../../db/repositories/order-repository.ts';
import { commandIdFor, type CommandDecision, type CommandKind, type OrderCommand } from '../domain/command.ts';
import type { OrderStatus } from '../domain/order-status.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  CORRELATION_MEMO,
  orderWorkflowId,
  SETTLE_WORKFLOW,
  settleWorkflowId,
  type CommandReply,
  type OrderSettings,
  type SettleWorkflowInput,
} from '../workflows/contract.ts';
import { isNoAnswer } from './no-answer.ts';
import type { OrderReader } from './order-reader.ts';
import { ProblemError, unavailable } from './problem.ts';
import { callWithin } from '../domain/deadline.ts';
import type { TemporalHealth } from './temporal-health.ts';

/** What giving commands needs. */
export interface OrderCommanderDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly reader: OrderReader;
  readonly settings: OrderSettings;
}

/** A command as a client sent it. */
export interface CommandRequest {
  readonly tenantId: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly actor: string;
  readonly reason: string | null;
  /** Of a capture or a refund; null is all that is left. */
  readonly amountMinor: number | null;
}

/** `pending`: the command is stored with its workflow, which has not answered yet. */
export interface CommandOutcome {
  readonly decision: CommandDecision | 'pending';
  readonly replayed: boolean;
}

/** Gives commands to orders, wherever they are. */
export interface OrderCommander {
  /**
   * Hands the command to the order's workflow while that is open, else to a settle workflow; answers what was decided.
   * @throws {ProblemError} `not_found`, `idempotency_key_reused`, `order_busy`, `unavailable`.
   */
  give(request: CommandRequest): Promise<CommandOutcome>;
}

/** A client hears `pending` after this; the command goes on. */
const ANSWER_WITHIN_MS = 2_000;
const POLL_MS = 40;
const CALL_TIMEOUT_MS = 4_000;

/** An order may move to its next status between the look and the command, but not for ever. */
const LOOKS_MAX = 5;

/** Creates the commander. */
export function createOrderCommander(deps: OrderCommanderDeps): OrderCommander {
  return {
    give: async (request) => {
      const { tenantId, orderId, kind } = request;
      const commandId = commandIdFor(tenantId, orderId, kind, request.idempotencyKey);
      const known = await deps.commands.findOptional(tenantId, commandId);
      if (known !== null) {
        if (known.requestHash === request.requestHash) {
          await remind(deps, request, { ...known, actor: request.actor, reason: request.reason });
          return { decision: known.decision, replayed: true };
        }
        throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to another command');
      }
      const { requestHash, actor, reason } = request;
      const command: OrderCommand = { commandId, requestHash, actor, reason };
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const decision = await giveOnce(deps, request, command);
        if (decision !== 'look_again') return { decision, replayed: false };
        await sleep(POLL_MS);
      }
      throw new ProblemError('order_busy', 'the order is changing right now');
    },
  };
}

/**
 * A workflow whose memory of a decided command was dropped is told again; one that has ended does not care. Any cancel
 * that was accepted does it, also where it was another one that was forgotten.
 */
async function remind(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  { commandId, requestHash, actor, reason }: OrderCommand,
): Promise<void> {
  if (request.kind === 'refund') return;
  const command = { commandId, requestHash, actor, reason };
  await callWithin(ANSWER_WITHIN_MS, deps.client, () => signal(deps, request, command)).catch(() => {});
}

type Given = CommandOutcome['decision'] | 'look_again';

async function giveOnce(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<Given> {
  const order = await deps.orders.findOptional(request.tenantId, request.orderId);
  const status = order?.status ?? (await statusOfUnopened(deps, request));
  const { tenantId, orderId, kind, amountMinor } = request;
  const ofOrder = { ...command, tenantId, orderId, kind, amountMinor };
  switch (destinationOf(kind, status, order)) {
    case 'order':
      return askOrder(deps, request, command);
    case 'settle':
      if (order === null) return 'look_again';
      return settle(deps, request, command, order);
    case 'cancelling': {
      const rule = { from: [], to: 'CANCELLING', eventType: '', allowed: 'will_refund', refused: 'too_late' } as const;
      const decided = await deps.commands.decide(ofOrder, rule);
      if (decided === null) return 'look_again';
      if (decided.decision === 'will_refund') await remind(deps, request, command);
      return decided.decision;
    }
    case 'too_late':
      return deps.commands.answer(ofOrder, 'too_late');
    case 'busy':
      throw new ProblemError('order_busy', `the order is ${status}`);
  }
}

type Destination = 'order' | 'settle' | 'cancelling' | 'busy' | 'too_late';

/** Who decides a command, by the status of the order. */
function destinationOf(kind: CommandKind, status: OrderStatus, order: OrderRecord | null): Destination {
  switch (kind) {
    case 'cancel':
      if (status === 'PENDING' || status === 'AWAITING_CAPTURE') return 'order';
      if (status === 'CONFIRMED' || status === 'PARTIALLY_REFUNDED') return 'settle';
      if (status === 'CANCELLING') return 'cancelling';
      return status === 'REFUNDING' ? 'busy' : 'too_late';
    case 'capture':
      if (order !== null && order.captureMode !== 'manual') return 'too_late';
      if (status === 'AWAITING_CAPTURE') return 'order';
      if (status === 'CONFIRMED') return 'settle';
      return status === 'PENDING' ? 'busy' : 'too_late';
    case 'refund':
      if (status === 'CONFIRMED' || status === 'PARTIALLY_REFUNDED') return 'settle';
      return status === 'PENDING' || status === 'REFUNDING' || status === 'AWAITING_CAPTURE' ? 'busy' : 'too_late';
  }
}

async function statusOfUnopened(deps: OrderCommanderDeps, { tenantId, orderId }: CommandRequest): Promise<OrderStatus> {
  const view = await deps.reader.find(tenantId, orderId);
  if (view === null) throw new ProblemError('not_found', 'there is no such order');
  return view.status;
}

/** Falls back to a signal with the same id when no worker answers; the workflow knows both as one command. */
async function askOrder(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<Given> {
  const handle = deps.client.workflow.getHandle(orderWorkflowId(request.orderId));
  const { amountMinor } = request;
  const options = { updateId: command.commandId };
  const reply = await ask(deps, () =>
    request.kind === 'capture'
      ? handle.executeUpdate(capturePaymentUpdate, { ...options, args: [{ ...command, amountMinor }] })
      : handle.executeUpdate(cancelOrderUpdate, { ...options, args: [command] }),
  );
  if (reply !== 'late') return reply === 'closed' ? 'look_again' : reply;
  const signalled = await ask(deps, () => signal(deps, request, command).then(() => 'pending' as const));
  if (signalled === 'late') throw unavailable('Temporal does not answer; repeat with the same Idempotency-Key');
  return signalled === 'closed' ? 'look_again' : 'pending';
}

function signal(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<void> {
  const handle = deps.client.workflow.getHandle(orderWorkflowId(request.orderId));
  const { kind, amountMinor } = request;
  return kind === 'capture'
    ? handle.signal(capturePaymentSignal, { ...command, amountMinor })
    : handle.signal(cancelOrderSignal, command);
}

/** `closed`: the workflow has ended or is about to; `late`: no answer in time. */
async function ask<Reply extends CommandReply | 'pending'>(
  deps: OrderCommanderDeps,
  call: () => Promise<Reply>,
): Promise<Reply | 'closed' | 'late'> {
  if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was changed');
  try {
    return await callWithin(ANSWER_WITHIN_MS, deps.client, call);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'closed';
    // The workflow ended while it had the Update: what became of the command is in its row, or it goes on as settle.
    if (error instanceof WorkflowUpdateFailedError) return 'closed';
    // Also when the server gave the Update up because the workflow's task was refused.
    if (isNoAnswer(error)) return 'late';
    throw error;
  }
}

/** Starting the workflow is what makes the command durable; its first step decides it. */
async function settle(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  command: OrderCommand,
  order: OrderRecord,
): Promise<Given> {
  if (!deps.health.isUp()) throw unavailable('Temporal does not answer; nothing was changed');
  const input = settleInput(request, command, order, deps.settings);
  try {
    await callWithin(CALL_TIMEOUT_MS, deps.client, () => startSettle(deps.client, input));
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      if (isNoAnswer(error)) {
        throw unavailable('Temporal did not take the command; repeat with the same Idempotency-Key');
      }
      throw error;
    }
  }
  const deadline = Date.now() + ANSWER_WITHIN_MS;
  while (Date.now() < deadline) {
    const answered = await deps.commands.findOptional(request.tenantId, command.commandId);
    if (answered !== null) return answered.decision;
    await sleep(POLL_MS);
  }
  return 'pending';
}

/** One that was terminated by hand may be started again; one that has ended has given its answer. */
export async function startSettle(client: Client, input: SettleWorkflowInput): Promise<void> {
  const { orderId, tenantId, correlationId, kind, command } = input;
  await client.workflow.start(SETTLE_WORKFLOW, {
    workflowId: settleWorkflowId(orderId, command.commandId),
    taskQueue: 'orders',
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
    workflowIdConflictPolicy: 'FAIL',
    memo: { tenantId, [CORRELATION_MEMO]: correlationId },
    staticSummary: `${kind} of ${orderId}`,
  });
}

/** What a settle workflow needs of an order, from its row. */
export function settleInput(
  request: Pick<CommandRequest, 'amountMinor'> & { readonly kind: SettleWorkflowInput['kind'] },
  command: OrderCommand,
  order: OrderRecord,
  settings: OrderSettings,
): SettleWorkflowInput {
  const { orderId, tenantId, correlationId, sealedContact } = order;
  const { customerId, currency, lines, paymentMethod, captureMode, reference } = order;
  return {
    orderId,
    tenantId,
    correlationId,
    sealedContact,
    settings,
    command,
    kind: request.kind,
    amountMinor: request.amountMinor,
    request: {
      customerId,
      currency,
      lines,
      paymentMethod,
      captureMode,
      reference,
      expectedTotalMinor: null,
    },
  };
}
