import { decide, decideExternal, settledReply, type Decision } from './decisions.ts';
import type { Delays } from './delays.ts';
import type { FaultSwitches } from './faults.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { behaviorOf, FLAKY_REFUSALS, type MethodBehavior } from './methods.ts';
import {
  KEY_IN_USE,
  KEY_VOIDED,
  lookupReplyFor,
  movementsReplyFor,
  NOT_FOUND,
  replyFor,
  RESET,
  UNAVAILABLE,
  type Answer,
  type Reply,
} from './replies.ts';
import type { EffectRequest, ExternalRequest } from './requests.ts';
import type { WebhookSender } from './webhooks.ts';

/** Requests that may wait at once (slow, delayed or late); each holds about 1 kB, so 10,000 stay below 10 MB. */
const MAX_WAITING = 10_000;

/** Keys whose `pm_flaky` refusals are remembered; the oldest key is dropped first and then refused twice again. */
const MAX_FLAKY_KEYS = 10_000;

const ORDINARY: MethodBehavior = {};

export interface PaymentsDeps {
  readonly ledger: Ledger;
  readonly faults: FaultSwitches;
  readonly delays: Delays;
  readonly webhooks: WebhookSender;
  /** How long `pm_slow` takes before it is applied. */
  readonly slowMs: number;
  /** Called when a late request, which nobody waits for, cannot be written. */
  readonly warn: (message: string) => void;
}

/** The provider: every answer that it gives is already durable, and every key has at most one effect. */
export interface Payments {
  /**
   * Applies a request once per key and answers; repeats get the first answer. It continues when the client hangs up,
   * and rejects only when the ledger cannot be written.
   */
  execute(request: EffectRequest): Promise<Answer>;
  /** What is known under a key of any kind: 200, 404, 409 while it is in flight, 410 for a tombstone. */
  lookup(key: string): Promise<Reply>;
  /** Captures and refunds of a charge, made by anybody; 404 when the key is not a charge. */
  movements(key: string): Promise<Reply>;
  /** Moves money without the merchant's system, which hears of it only by webhook. */
  moveOutside(request: ExternalRequest): Promise<Reply>;
  /** The durable entries in the order of their effect. */
  entries(orderId: string | undefined): Promise<LedgerEntry[]>;
}

/** Wires the state machine; starts nothing. */
export function createPayments(deps: PaymentsDeps): Payments {
  return new PaymentMachine(deps);
}

function behaviorFor(request: EffectRequest): MethodBehavior {
  return 'method' in request ? behaviorOf(request.method) : ORDINARY;
}

class PaymentMachine implements Payments {
  readonly #deps: PaymentsDeps;
  readonly #inFlight = new Set<string>();
  readonly #flakyRefusals = createFlakyCounter();
  readonly #isInFlight = (key: string): boolean => this.#inFlight.has(key);

  constructor(deps: PaymentsDeps) {
    this.#deps = deps;
  }

  async execute(request: EffectRequest): Promise<Answer> {
    const { ledger, faults, slowMs } = this.#deps;
    const { latencyMs, lateMs } = faults.current();
    const behavior = behaviorFor(request);
    if (this.#isStruck(behavior)) return UNAVAILABLE;
    const settled = settledReply(ledger, request);
    if (settled) return this.#whenDurable(settled);
    if (this.#isInFlight(request.key)) return KEY_IN_USE;
    if (behavior.flaky && this.#flakyRefusals.refuses(request.key)) return UNAVAILABLE;
    // A void is never late: by a void a client proves that a late original cannot land.
    if (lateMs > 0 && request.kind !== 'void') return this.#landLater(request, lateMs);
    const waitMs = latencyMs + (behavior.slow ? slowMs : 0);
    if (waitMs > 0 && !(await this.#hold(request.key, waitMs))) return UNAVAILABLE;
    return this.#apply(request, behavior);
  }

  /** A fault that is switched on refuses the request before it is looked at. */
  #isStruck({ downByFault }: MethodBehavior): boolean {
    const { faults } = this.#deps;
    const { errorRate, pmDown } = faults.current();
    return faults.strikes(errorRate) || (downByFault === true && pmDown);
  }

  lookup(key: string): Promise<Reply> {
    return this.#whenDurable(this.#lookupNow(key));
  }

  movements(key: string): Promise<Reply> {
    const { ledger } = this.#deps;
    return this.#whenDurable(ledger.charge(key) ? movementsReplyFor(ledger.movementsOf(key)) : NOT_FOUND);
  }

  async moveOutside(request: ExternalRequest): Promise<Reply> {
    const { reply, tell } = this.#carryOut(decideExternal(this.#deps.ledger, request));
    await this.#deps.ledger.durable();
    tell();
    return reply;
  }

  entries(orderId: string | undefined): Promise<LedgerEntry[]> {
    return this.#whenDurable(this.#deps.ledger.entries(orderId));
  }

  #lookupNow(key: string): Reply {
    const { ledger } = this.#deps;
    if (this.#isInFlight(key)) return KEY_IN_USE;
    const voided = ledger.voidOf(key) !== undefined;
    const record = ledger.find(key);
    if (record) return lookupReplyFor(record, ledger.charge(key), voided);
    return voided ? KEY_VOIDED : NOT_FOUND;
  }

  /** Keeps the key in flight for a while; false if the request is dropped instead. */
  async #hold(key: string, ms: number): Promise<boolean> {
    const { delays } = this.#deps;
    if (delays.pending >= MAX_WAITING) return false;
    this.#inFlight.add(key);
    const elapsed = await delays.wait(ms);
    this.#inFlight.delete(key);
    return elapsed;
  }

  /** The client hears nothing. Until it lands, the request is as unknown as one that is still on the wire. */
  #landLater(request: EffectRequest, ms: number): Answer {
    const { delays, warn } = this.#deps;
    if (delays.pending >= MAX_WAITING) return UNAVAILABLE;
    this.#land(request, ms).catch((error: unknown) => {
      warn(`the late request ${request.key} is lost: ${String(error)}`);
    });
    return RESET;
  }

  async #land(request: EffectRequest, ms: number): Promise<void> {
    const elapsed = await this.#deps.delays.wait(ms);
    // A key in flight belongs to a repeat of the same request, which will write the one effect itself.
    if (!elapsed || this.#isInFlight(request.key)) return;
    const { tell } = this.#record(request);
    await this.#deps.ledger.durable();
    tell();
  }

  async #apply(request: EffectRequest, behavior: MethodBehavior): Promise<Answer> {
    const { ledger, faults } = this.#deps;
    const { reply, written, tell } = this.#record(request);
    await ledger.durable();
    tell();
    const loses = behavior.losesReply || this.#losesCapture(request) || faults.strikes(faults.current().resetAfterRate);
    return written && loses ? RESET : reply;
  }

  #losesCapture(request: EffectRequest): boolean {
    const charge = request.kind === 'capture' ? this.#deps.ledger.charge(request.target) : undefined;
    return charge !== undefined && behaviorOf(charge.record.method).losesCaptureReply === true;
  }

  /** `tell` reports the effect; only durable effects may be reported. */
  #record(request: EffectRequest): { reply: Reply; written: boolean; tell: () => void } {
    const { ledger, webhooks } = this.#deps;
    const decision = decide(ledger, request, this.#isInFlight);
    if (decision.kind === 'answer') {
      const { reply } = decision;
      const isFailedRefund = request.kind === 'refund' && 'code' in reply.body && reply.body.code === 'refund_failed';
      return { reply, written: false, tell: () => isFailedRefund && webhooks.refundFailed(request) };
    }
    return this.#carryOut(decision);
  }

  #carryOut(decision: Decision): { reply: Reply; written: boolean; tell: () => void } {
    if (decision.kind === 'answer') return { reply: decision.reply, written: false, tell: () => {} };
    const { ledger, webhooks } = this.#deps;
    const { record } = decision;
    ledger.append(record);
    return { reply: decision.reply ?? replyFor(record), written: true, tell: () => webhooks.effect(record) };
  }

  /** The index is ahead of the disk; nothing derived from it is reported before the disk has caught up. */
  async #whenDurable<T>(value: T): Promise<T> {
    await this.#deps.ledger.durable();
    return value;
  }
}

/** Counts the refusals of flaky keys in bounded memory. */
function createFlakyCounter(): { refuses(key: string): boolean } {
  const counts = new Map<string, number>();
  return {
    refuses(key) {
      const count = counts.get(key) ?? 0;
      if (count >= FLAKY_REFUSALS) return false;
      counts.set(key, count + 1);
      const oldest = counts.size > MAX_FLAKY_KEYS ? counts.keys().next().value : undefined;
      if (oldest !== undefined) counts.delete(oldest);
      return true;
    },
  };
}
