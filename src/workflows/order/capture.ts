import { condition } from '@temporalio/workflow';
import type { OrderOwnership } from '../../domain/command.ts';
import { firstCaptureOf, ownershipOf } from '../../domain/command-rule.ts';
import { AUTHORIZATION_DAYS, AUTHORIZATION_MARGIN_DAYS } from '../../domain/payments/payment.ts';
import { showDetails } from '../steps/current-details.ts';
import { StepConflictError } from '../steps/step-runner.ts';
import type { OrderState, SaleResult } from './order-state.ts';
import type { Recovery } from './recovery.ts';
import { showStatus } from './show-status.ts';

const DAY_SECONDS = 24 * 3_600;

/** The wait of an authorized order for its capture. */
export interface Capture {
  /**
   * Keeps an authorized order until it is captured. The stock is held as long as the money: to the end of the
   * authorization, and a day longer for the steps that follow.
   */
  captureLater(totalMinor: number): Promise<SaleResult>;
  /** Waits for the first capture. The rest of the authorization may be captured after the order is confirmed. */
  awaitCapture(totalMinor: number, captureBy: string): Promise<SaleResult>;
}

interface CaptureParts {
  readonly order: OrderState;
  readonly recovery: Pick<Recovery, 'expire' | 'runCapture'>;
}

export function createCapture(parts: CaptureParts): Capture {
  return {
    captureLater: (totalMinor) => captureLater(parts, totalMinor),
    awaitCapture: (totalMinor, captureBy) => awaitCapture(parts, totalMinor, captureBy),
  };
}

async function captureLater(parts: CaptureParts, totalMinor: number): Promise<SaleResult> {
  const { input, steps, onConflict } = parts.order;
  const { orderId, tenantId } = input;
  const { authorizationSeconds = AUTHORIZATION_DAYS * DAY_SECONDS } = input.settings;
  await steps.run('extendHold', { orderId, tenantId, holdTtlSeconds: authorizationSeconds + DAY_SECONDS });
  const captureWithinMs = (authorizationSeconds - AUTHORIZATION_MARGIN_DAYS * DAY_SECONDS) * 1_000;
  const waiting = { orderId, tenantId, totalMinor, captureWithinMs };
  const { captureBy } = await steps.run('awaitCapture', waiting, { onConflict });
  return awaitCapture(parts, totalMinor, captureBy);
}

/**
 * Pauses between looks at the row of an order that waits for its capture. (A decision that was made in a task that the
 * server has forgotten is stored only there.) They double from 1 min to 1 h: some 150 looks, with 1,000 events, until
 * an authorization ends.
 */
const LOOKS_MS = { first: 60_000, longest: 3_600_000 } as const;

async function awaitCapture(parts: CaptureParts, totalMinor: number, captureBy: string): Promise<SaleResult> {
  const { order, recovery } = parts;
  showStatus('AWAITING_CAPTURE');
  showDetails(order.input, `Authorized; waits for its capture until ${captureBy}.`);
  for (let pauseMs: number = LOOKS_MS.first; ; pauseMs = Math.min(2 * pauseMs, LOOKS_MS.longest)) {
    const next = await nextEvent(order, Math.max(1, Date.parse(captureBy) - Date.now()), pauseMs);
    const capture = next === 'asked' ? await decideCapture(order, totalMinor) : await storedCapture(order);
    if (capture !== null) return recovery.runCapture(totalMinor, capture);
    if (next === 'time_over') return recovery.expire();
  }
}

/** Waits until a capture is requested, the pause is over, or the authorization ends. */
async function nextEvent(
  { commands }: OrderState,
  leftMs: number,
  pauseMs: number,
): Promise<'asked' | 'pause_over' | 'time_over'> {
  const summary = 'Waits for the capture; then looks at the row again';
  const isAsked = await condition(() => commands.next('capture') !== null, Math.min(leftMs, pauseMs), { summary });
  if (isAsked) return 'asked';
  return leftMs <= pauseMs ? 'time_over' : 'pause_over';
}

/** Null when the command is refused. */
async function decideCapture(order: OrderState, totalMinor: number): Promise<OrderOwnership | null> {
  const { input, steps, commands } = order;
  const { orderId, tenantId } = input;
  const command = commands.next('capture');
  if (command === null) return null;
  const { amountMinor, rule } = firstCaptureOf(command.amountMinor, totalMinor);
  const decided = await steps.run('decideCommand', { command: { ...command, amountMinor, orderId, tenantId }, rule });
  // Another capture was accepted and forgotten, and goes first.
  if (decided?.decision === 'busy') return storedCapture(order);
  commands.reply(command, decided?.decision ?? 'too_late');
  if (decided === null || decided.decision === 'too_late') throw new StepConflictError('awaitCapture');
  return ownershipOf(command, { ...decided, amountMinor: decided.amountMinor ?? amountMinor });
}

/** The capture that owns the order by its row. If the order has moved on, the caller follows it. */
async function storedCapture({ input, steps }: OrderState): Promise<OrderOwnership | null> {
  const { orderId, tenantId } = input;
  const { status, refusal, owner = null } = await steps.run('readOrder', { orderId, tenantId });
  if (status !== 'AWAITING_CAPTURE' || refusal !== null) throw new StepConflictError('awaitCapture');
  return owner;
}
