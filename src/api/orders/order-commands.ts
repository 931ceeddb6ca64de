import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type {
  AnsweredCommand,
  CommandOfOrder,
  CommandRepository,
} from '../../../db/repositories/orders/command-repository.ts';
import type { OrderRecord } from '../../../db/repositories/orders/order-record.ts';
import type { OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import type { PaymentRepository } from '../../../db/repositories/payments/payment-repository.ts';
import type { RequestHash } from '../../domain/personal-data/request-hash.ts';
import { isRefusal, type CommandDecision, type CommandKind, type OrderCommand } from '../../domain/command.ts';
import { commandIdFor } from '../../domain/ids.ts';
import { cancelOfSold, furtherCaptureOf, giveBackOf, refundOf, type RuledCommand } from '../../domain/command-rule.ts';
import { amountProblemText } from '../../domain/payments/money-text.ts';
import { assertNever } from '../../domain/errors.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import type { OrderStatus } from '../../domain/order-status.ts';
import { moneyOf } from '../../domain/payments/payment.ts';
import { movementProblemOf, type PaymentCapabilities } from '../../domain/payments/payment-capabilities.ts';
import { linkTrace } from '../../runtime/tracing/spans.ts';
import { callWithin, deliver, describeWorkflow, isNoAnswer } from '../../temporal/calls.ts';
import { orderCommandInput, startOrderCommand } from '../../temporal/workflow-starts.ts';
import {
  cancelOrderSignal,
  cancelOrderUpdate,
  capturePaymentSignal,
  capturePaymentUpdate,
  COMMAND_REFUSALS,
  orderWorkflowId,
  orderCommandWorkflowId,
  type CommandReply,
} from '../../workflows/contract.ts';
import { noteAct } from '../request-outcome.ts';
import { destinationOf } from './order-destination.ts';
import type { OrderReader } from './order-reader.ts';
import { notFound, orderBusy, ProblemError, unavailable } from '../http/problem.ts';
import { requireTaken, requireTemporal } from '../temporal-outage.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface OrderCommanderDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly payments: PaymentRepository;
  readonly capabilities: PaymentCapabilities;
  readonly reader: OrderReader;
  readonly settings: OrderSettings;
}

/** A command as a client sent it. */
export interface CommandRequest {
  readonly tenantId: string;
  readonly orderId: string;
  readonly kind: CommandKind;
  readonly idempotencyKey: string;
  readonly requestHash: RequestHash;
  readonly actor: string;
  readonly reason: string | null;
  /** The amount of a capture or a refund; null means everything that is left. */
  readonly amountMinor: number | null;
}

/** `pending`: the command is stored with its workflow, which has not answered yet. */
export interface CommandOutcome {
  readonly decision: CommandDecision | 'pending';
  readonly replayed: boolean;
}

/** Gives commands to orders, in any status. */
export interface OrderCommander {
  /**
   * Hands the command to the order's workflow while that is open; else decides it by the order's row and starts the command
   * workflow that carries it out. Answers what was decided.
   * @throws {ProblemError} `not_found`, `idempotency_key_reused`, `amount_not_chargeable`, `order_busy`, `order_stopped`,
   * `unavailable`.
   */
  give(request: CommandRequest): Promise<CommandOutcome>;
}

/** A client gets the answer `pending` after this time, and the command continues. */
const ANSWER_WITHIN_MS = 2_000;
const POLL_MS = 40;
const CALL_TIMEOUT_MS = 4_000;

/** An order may move to its next status between the look and the command, but not for ever. */
const LOOKS_MAX = 5;

export function createOrderCommander(deps: OrderCommanderDeps): OrderCommander {
  return {
    give: async (request) => {
      const { tenantId, orderId, requestHash, actor, reason } = request;
      const commandId = commandIdFor(request);
      noteAct(commandId);
      const command: OrderCommand = { commandId, requestHash: requestHash.text, actor, reason };
      const known = await deps.commands.findOptional(tenantId, commandId);
      if (known !== null) return replay(deps, request, { command, known });
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const decision = await giveOnce(deps, request, command);
        if (decision !== 'look_again') return { decision, replayed: false };
        await sleep(POLL_MS);
      }
      throw await whyNotTaken(deps, orderId, null);
    },
  };
}

/**
 * A repeated request gets the first answer. If the workflow may have lost its memory of the command, the command is
 * carried out again.
 */
async function replay(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  { command, known }: { readonly command: OrderCommand; readonly known: AnsweredCommand },
): Promise<CommandOutcome> {
  if (!request.requestHash.isSameAs(known.requestHash)) {
    throw new ProblemError('idempotency_key_reused', 'this Idempotency-Key belongs to another command');
  }
  await remind(deps, request, { command, decision: known.decision });
  await startUnstarted(deps, request, { command, known });
  return { decision: known.decision, replayed: true };
}

/**
 * Starts the workflow of a command that was decided by an API that then died: the sweep would find it only after a
 * minute or two, and the client, who had no answer, repeats the command now. A workflow that was ended by hand is left to
 * the repair.
 */
async function startUnstarted(
  deps: OrderCommanderDeps,
  { tenantId, orderId, kind }: CommandRequest,
  { command, known }: { readonly command: OrderCommand; readonly known: AnsweredCommand },
): Promise<void> {
  const order = await deps.orders.findOptional(tenantId, orderId);
  const isOfSold = order !== null && order.confirmedAt !== null && order.ownerCommandId === command.commandId;
  // The workflow of a reconciliation decides it, and so was started before the decision.
  if (!isOfSold || kind === 'reconcile') return;
  if ((await statusOf(deps, orderCommandWorkflowId(orderId, command.commandId))) !== 'absent') return;
  const input = orderCommandInput({ kind, amountMinor: known.amountMinor, command }, order, deps.settings);
  await startOrderCommand(deps.client, input, { limitMs: CALL_TIMEOUT_MS }).catch((error: unknown) => {
    if (!isNoAnswer(error)) throw error;
  });
}

/**
 * Re-sends an accepted command that was decided by a task of the order's workflow, because Temporal may have dropped the
 * task and with it the command. It is answered only when Temporal has it: if the database is set back later, nothing else
 * knows of it. This is harmless if the workflow has ended, and also serves another cancel that was lost.
 * @throws {ProblemError} `unavailable` when Temporal does not answer.
 */
async function remind(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  { command, decision }: { readonly command: OrderCommand; readonly decision: CommandDecision },
): Promise<void> {
  if (isRefusal(decision) || (request.kind !== 'cancel' && request.kind !== 'capture')) return;
  await record(deps, request, command);
}

/**
 * A command in progress has a workflow, or needs a person: this looks at its owner's workflow, or else at the order's
 * own.
 */
async function whyNotTaken(deps: OrderCommanderDeps, orderId: string, ownerId: string | null): Promise<ProblemError> {
  const own = orderWorkflowId(orderId);
  const executions = ownerId === null ? [own] : [orderCommandWorkflowId(orderId, ownerId), own];
  for (const workflowId of executions) {
    const status = await statusOf(deps, workflowId);
    if (status === 'absent') continue;
    // A workflow that has ended by itself is about to be followed by the order's next state; the sweep finds a command
    // that it left open.
    return ENDED_BY_HAND.includes(status)
      ? new ProblemError('order_stopped', `the workflow ${workflowId} has been ended by hand`)
      : orderBusy('another command moves the money of the order, or it is changing right now');
  }
  return orderBusy('another command moves the money of the order');
}

const ENDED_BY_HAND: readonly string[] = ['TERMINATED', 'FAILED', 'CANCELLED', 'TIMED_OUT'];

/** `unknown` when Temporal does not say. */
async function statusOf({ client }: OrderCommanderDeps, workflowId: string): Promise<string> {
  try {
    const found = await callWithin(CALL_TIMEOUT_MS, client, () => describeWorkflow(client, workflowId));
    return found?.status.name ?? 'absent';
  } catch {
    return 'unknown';
  }
}

type Given = CommandOutcome['decision'] | 'look_again';

async function giveOnce(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<Given> {
  const order = await deps.orders.findOptional(request.tenantId, request.orderId);
  linkTrace(order?.traceparent ?? null);
  const status = order?.status ?? (await statusOfUnopened(deps, request));
  const { orderId, kind } = request;
  const ofOrder = commandOfOrder(request, command);
  const destination = destinationOf(kind, status, order);
  switch (destination) {
    case 'order':
      return askOrder(deps, request, command);
    case 'row':
      return order === null ? 'look_again' : decideByRow(deps, ofOrder, order);
    case 'provider':
      return order === null ? 'look_again' : askProvider(deps, ofOrder, order);
    case 'cancelling':
      return joinCancel(deps, request, command);
    case 'busy':
      throw await whyNotTaken(deps, orderId, order?.ownerCommandId ?? null);
    case 'not_captured':
      throw new ProblemError('not_captured', 'the payment is authorized, and nothing of it captured yet');
    case 'capture_not_supported':
    case 'too_late':
      return refuse(deps, request, { command, decision: destination });
    default:
      return assertNever(destination);
  }
}

/** A command that was decided since this request began keeps its decision, and may be an accepted one. */
async function refuse(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  { command, decision }: { readonly command: OrderCommand; readonly decision: CommandDecision },
): Promise<Given> {
  const stored = await deps.commands.answer(commandOfOrder(request, command), decision);
  await remind(deps, request, { command, decision: stored });
  return stored;
}

/** One cancel is under way; another cancel gets the answer that the first one leads to. */
async function joinCancel(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<Given> {
  const { rule } = cancelOfSold(undefined);
  const decided = await deps.commands.decide(commandOfOrder(request, command), rule);
  if (decided === null || decided.decision === 'busy') return 'look_again';
  await remind(deps, request, { command, decision: decided.decision });
  return decided.decision;
}

function commandOfOrder(
  { tenantId, orderId, kind, amountMinor }: CommandRequest,
  command: OrderCommand,
): CommandOfOrder {
  return { ...command, tenantId, orderId, kind, amountMinor };
}

async function statusOfUnopened(deps: OrderCommanderDeps, { tenantId, orderId }: CommandRequest): Promise<OrderStatus> {
  const view = await deps.reader.find(tenantId, orderId);
  if (view === null) throw notFound('order');
  return view.status;
}

/** Falls back to a signal with the same id when no worker answers; the workflow recognizes both as one command. */
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
  requireTemporal(deps.health, 'nothing was changed');
  return (await record(deps, request, command)) === 'closed' ? 'look_again' : 'pending';
}

/**
 * Has Temporal store the command in the history of the order's workflow. `closed`: the workflow has ended.
 * @throws {ProblemError} `unavailable` when Temporal does not answer.
 */
async function record(
  deps: OrderCommanderDeps,
  request: CommandRequest,
  command: OrderCommand,
): Promise<'recorded' | 'closed'> {
  const delivered = await deliver(ANSWER_WITHIN_MS, deps.client, () => signal(deps, request, command));
  if (delivered.kind === 'no_answer') {
    throw unavailable('Temporal does not answer; repeat with the same Idempotency-Key');
  }
  return delivered.kind === 'closed' ? 'closed' : 'recorded';
}

function signal(deps: OrderCommanderDeps, request: CommandRequest, command: OrderCommand): Promise<void> {
  const handle = deps.client.workflow.getHandle(orderWorkflowId(request.orderId));
  const { kind, amountMinor } = request;
  return kind === 'capture'
    ? handle.signal(capturePaymentSignal, { ...command, amountMinor })
    : handle.signal(cancelOrderSignal, command);
}

/**
 * `closed`: the workflow has ended or is about to. `late`: no answer came in time. `pending`: the command is recorded
 * and waits.
 */
async function ask(
  deps: OrderCommanderDeps,
  call: () => Promise<CommandReply>,
): Promise<CommandReply | 'late' | 'pending'> {
  requireTemporal(deps.health, 'nothing was changed');
  const delivered = await deliver(ANSWER_WITHIN_MS, deps.client, call);
  switch (delivered.kind) {
    case 'answered':
      return delivered.reply;
    case 'closed':
      return 'closed';
    case 'refused':
      return replyOfRefusal(delivered.type);
    case 'no_answer':
      return 'late';
    default:
      return assertNever(delivered);
  }
}

/**
 * The validator has refused the Update, or the workflow ended while it had the Update: then the row has the result of
 * the command, or a command workflow carries it out.
 */
function replyOfRefusal(type: string | null): 'closed' | 'pending' {
  if (type === COMMAND_REFUSALS.pending) return 'pending';
  if (type === COMMAND_REFUSALS.busy) throw orderBusy('the order does what cannot be interrupted');
  return 'closed';
}

/**
 * The decision makes the command durable, because the command then owns the order. If the start fails, the sweep makes
 * up for it (see `sweepCommandsWorkflow`).
 */
async function decideByRow(deps: OrderCommanderDeps, ofOrder: CommandOfOrder, order: OrderRecord): Promise<Given> {
  requireTemporal(deps.health, 'nothing was changed');
  const { amountMinor, rule } = await ruleOf(deps, ofOrder, order);
  const decided = await deps.commands.decide({ ...ofOrder, amountMinor }, rule);
  if (decided === null) return 'look_again';
  if (decided.decision === 'busy') throw await whyNotTaken(deps, order.orderId, order.ownerCommandId);
  if (decided.turn === null) return decided.decision;
  const { kind } = ofOrder;
  const input = orderCommandInput(
    { kind, amountMinor: decided.amountMinor, command: commandOf(ofOrder) },
    order,
    deps.settings,
  );
  await startOrderCommand(deps.client, input, { limitMs: CALL_TIMEOUT_MS }).catch((error: unknown) => {
    if (!isNoAnswer(error)) throw error;
  });
  return decided.decision;
}

/**
 * The command workflow decides the command, because only workers call the provider. Its start makes the command durable.
 */
async function askProvider(deps: OrderCommanderDeps, command: CommandOfOrder, order: OrderRecord): Promise<Given> {
  requireTemporal(deps.health, 'nothing was changed');
  const input = orderCommandInput(
    { kind: 'reconcile', amountMinor: null, command: commandOf(command) },
    order,
    deps.settings,
  );
  await requireTaken('command', startOrderCommand(deps.client, input, { limitMs: CALL_TIMEOUT_MS }));
  const deadline = Date.now() + ANSWER_WITHIN_MS;
  while (Date.now() < deadline) {
    const answered = await deps.commands.findOptional(command.tenantId, command.commandId);
    if (answered !== null) return answered.decision;
    await sleep(POLL_MS);
  }
  return 'pending';
}

function commandOf({ commandId, requestHash, actor, reason }: CommandOfOrder): OrderCommand {
  return { commandId, requestHash, actor, reason };
}

/** The rule and the amount, by the order's present money. */
async function ruleOf(
  { payments, capabilities, settings }: OrderCommanderDeps,
  { kind, orderId, amountMinor }: CommandOfOrder,
  { version, currency }: OrderRecord,
): Promise<RuledCommand> {
  if (kind === 'cancel') return cancelOfSold(settings.cancelWindowSeconds);
  const problem = amountMinor === null ? null : movementProblemOf(capabilities, amountMinor, currency);
  if (problem !== null) {
    throw new ProblemError('amount_not_chargeable', `the amount ${amountProblemText(problem, currency)}`);
  }
  const money = moneyOf(await payments.listByOrder(orderId), capabilities.captures === 'several');
  switch (kind) {
    case 'refund':
      return refundOf(amountMinor, money, version);
    case 'capture':
      return furtherCaptureOf(amountMinor, money, version);
    case 'give_back':
      return giveBackOf(money);
    case 'reconcile':
      throw new TypeError(`${kind} is decided by what the provider has`);
    default:
      return assertNever(kind);
  }
}
