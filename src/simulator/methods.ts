/** How often `pm_flaky` answers 503 for one key before it works: twice, so that a client needs a third attempt. */
export const FLAKY_REFUSALS = 2;

/** Why a charge is refused, and whether the provider says that another attempt may succeed (a soft decline). */
interface Decline {
  readonly code: string;
  readonly retryable: boolean;
}

/** The special behavior of a payment method; without a flag the method behaves normally. */
export interface MethodBehavior {
  readonly decline?: Decline;
  /** Added to the amount that is charged. */
  readonly extraMinor?: number;
  /** Applied only after the simulator's slow delay. */
  readonly slow?: true;
  /** Answers 503 for the first requests of a key. */
  readonly flaky?: true;
  /** The charge is durable, then the connection is reset instead of answered. */
  readonly losesReply?: true;
  /** The same for every capture of the charge. */
  readonly losesCaptureReply?: true;
  /** Answers 503 while the fault `pmDown` is on. */
  readonly downByFault?: true;
  /** Every refund of the charge is refused. */
  readonly refundFails?: true;
}

const METHODS: ReadonlyMap<string, MethodBehavior> = new Map<string, MethodBehavior>([
  ['pm_ok', {}],
  ['pm_declined', { decline: { code: 'card_declined', retryable: false } }],
  ['pm_insufficient_funds', { decline: { code: 'insufficient_funds', retryable: true } }],
  ['pm_slow', { slow: true }],
  ['pm_flaky', { flaky: true }],
  ['pm_lost_reply', { losesReply: true }],
  ['pm_lost_capture_reply', { losesCaptureReply: true }],
  ['pm_down', { downByFault: true }],
  ['pm_wrong_amount', { extraMinor: 1 }],
  ['pm_refund_fails', { refundFails: true }],
]);

const UNSUPPORTED: MethodBehavior = { decline: { code: 'unsupported_method', retryable: false } };

/** The behavior of a method; a method that is not in the table is declined with `unsupported_method`. */
export function behaviorOf(method: string): MethodBehavior {
  return METHODS.get(method) ?? UNSUPPORTED;
}
