import { condition, setCurrentDetails } from '@temporalio/workflow';
import type { OrderOwnership } from '../../domain/command.ts';
import { ownershipOf } from '../../domain/command-rule.ts';
import type { Carriage, Fulfilment } from './order-context.ts';
import { StepConflictError } from '../steps/step-runner.ts';
import { carryOut, expire } from './stored-order.ts';

/**
 * An order that waits for its capture looks at its row now and then: what was decided in a task that the server has
 * forgotten is known nowhere else. 1 min, doubled to 1 h: some 150 looks, 1,000 events, until an authorization ends.
 */
const LOOKS_MS = { first: 60_000, longest: 3_600_000 } as const;

/** Waits for the first capture; the rest of the authorization may be captured after the order is confirmed. */
export async function awaitCapture(carriage: Carriage, totalMinor: number, captureBy: string): Promise<Fulfilment> {
  const { commands } = carriage;
  setCurrentDetails(`Authorized; waits for its capture until ${captureBy}.`);
  for (let pauseMs: number = LOOKS_MS.first; ; pauseMs = Math.min(2 * pauseMs, LOOKS_MS.longest)) {
    const leftMs = Math.max(1, Date.parse(captureBy) - Date.now());
    const isAsked = await condition(() => commands.next('capture') !== null, Math.min(leftMs, pauseMs));
    const capture = isAsked ? await decideCapture(carriage, totalMinor) : await storedCapture(carriage);
    if (capture !== null) return carryOut(carriage, totalMinor, capture);
    if (!isAsked && leftMs <= pauseMs) return expire(carriage, null);
  }
}

/** Null when the command is refused. */
async function decideCapture(carriage: Carriage, totalMinor: number): Promise<OrderOwnership | null> {
  const { input, steps, commands } = carriage;
  const { orderId, tenantId } = input;
  const command = commands.next('capture');
  if (command === null) return null;
  const amountMinor = command.amountMinor ?? totalMinor;
  const exceeds = amountMinor > totalMinor;
  const decided = await steps.run('decideCommand', {
    command: { ...command, amountMinor, orderId, tenantId },
    rule: {
      from: exceeds ? [] : ['AWAITING_CAPTURE'],
      to: null,
      eventType: 'order.capture_accepted',
      allowed: 'accepted',
      refused: exceeds ? 'amount_exceeds_authorized' : 'too_late',
    },
  });
  // Another capture was accepted and forgotten: it goes first.
  if (decided?.decision === 'busy') return storedCapture(carriage);
  commands.reply(command, decided?.decision ?? 'too_late');
  if (decided === null || decided.decision === 'too_late') throw new StepConflictError('awaitCapture');
  return ownershipOf(command, { ...decided, amountMinor: decided.amountMinor ?? amountMinor });
}

/** The capture that owns the order by its row; an order that has moved on is followed by the caller. */
async function storedCapture({ input, steps }: Carriage): Promise<OrderOwnership | null> {
  const { orderId, tenantId } = input;
  const { status, refusal, owner = null } = await steps.run('readOrder', { orderId, tenantId });
  if (status !== 'AWAITING_CAPTURE' || refusal !== null) throw new StepConflictError('awaitCapture');
  return owner;
}
