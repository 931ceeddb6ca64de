import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { ReceiverMode } from '../system/receiver.ts';
import type { ControlledSystem } from '../system/system.ts';
import { reconcileOrder } from '../operator-tools.ts';
import { readWholeLines } from '../whole-lines.ts';
import type { FaultKind } from './fault-kind.ts';

const HEALTHY = { latencyMs: 5, errorRate: 0, resetAfterRate: 0, lateMs: 0, down: false };

/** Sets the provider's switches. */
async function setProvider(system: ControlledSystem, faults: Readonly<Record<string, unknown>>): Promise<void> {
  const response = await fetch(`${system.simulatorUrl}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) throw new Error(`the simulator answered ${response.status}`);
}

/** A fault that is a setting of the provider. */
function providerFault(name: string, lengthMs: FaultKind['lengthMs'], switches: SwitchesOf): FaultKind {
  return {
    name,
    lengthMs,
    targets: () => ['simulator'],
    begin: async ({ system, random }) => {
      await setProvider(system, switches(random.next()));
      // A simulator that was killed meanwhile has no faults.
      return () => setProvider(system, HEALTHY);
    },
  };
}

/** The switches for a strength from 0 to 1. */
type SwitchesOf = (strength: number) => Readonly<Record<string, unknown>>;

const entrySchema = z.object({
  id: z.string(),
  orderId: z.string(),
  key: z.string(),
  kind: z.string(),
  state: z.string(),
  amountMinor: z.number(),
  currency: z.string(),
  at: z.string(),
  external: z.boolean().optional(),
});

type LedgerEntry = z.output<typeof entrySchema>;

/** The provider's own file, which names its effects. */
async function readLedger({ controls }: ControlledSystem): Promise<LedgerEntry[]> {
  return z.array(entrySchema).parse(await readWholeLines(join(controls.folder, 'ledger.jsonl')));
}

/** Repeats of each report. */
const REPEATS = 3;

/** Orders whose reports a storm repeats. */
const STORM_ORDERS = 150;

/** The provider sends its reports again, several times and in another order, among them some about unknown orders. */
const reportStorm: FaultKind = {
  name: 'report-storm',
  lengthMs: [1_000, 4_000],
  targets: () => ['simulator>api'],
  begin: async ({ system, random, signal }) => {
    const charges = (await readLedger(system)).filter(({ kind, external }) => kind !== 'void' && external !== true);
    if (charges.length === 0) throw new Error('there was nothing to report');
    const some = random.shuffle(charges).slice(0, STORM_ORDERS);
    const reports = random.shuffle([...some, ...some, ...some].slice(0, some.length * REPEATS));
    const storm = (async () => {
      for (const entry of reports) {
        if (signal.aborted) return;
        await sendReport(system, entry).catch(() => {});
      }
    })();
    return () => storm;
  },
};

async function sendReport(system: ControlledSystem, entry: LedgerEntry): Promise<void> {
  const { id: ref, orderId, key, amountMinor, currency, at, kind, state } = entry;
  const type =
    kind === 'refund' ? 'refund.succeeded' : state === 'SUCCEEDED' ? 'payment.succeeded' : 'payment.declined';
  const body = JSON.stringify({ type, timestamp: at, data: { id: ref, orderId, key, amountMinor, currency } });
  const id = `evt_${ref}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const secret = Buffer.from(system.settings.paymentWebhookSecret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  const response = await fetch(system.controls.reportUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
    body,
    signal: AbortSignal.timeout(5_000),
  });
  await response.body?.cancel();
}

/** Orders whose money is moved outside in one fault. */
const OUTSIDE_MAX = 2;

/** What people move in the provider's own dashboard, and the charges whose money they move. */
const OUTSIDE = {
  refund: { path: 'external-refunds', of: 'sale' },
  capture: { path: 'external-captures', of: 'authorize' },
} as const;

/**
 * A person refunds sold orders, or captures what is authorized, in the provider's own dashboard; an operator later compares
 * the books.
 */
function effectAtProvider(kind: keyof typeof OUTSIDE): FaultKind {
  const name = `${kind}-at-provider`;
  return {
    name,
    lengthMs: [500, 3_000],
    targets: () => ['simulator'],
    claims: () => ['outside'],
    begin: async ({ system, random, history, afterwards }) => {
      const chosen = random.shuffle(untouchedCharges(await readLedger(system), kind)).slice(0, OUTSIDE_MAX);
      if (chosen.length === 0) throw new Error(`there was nothing to ${kind}`);
      for (const charge of chosen) {
        const amountMinor = random.strikes(0.5) ? charge.amountMinor : random.between(1, charge.amountMinor);
        const entry = { who: 'nemesis', op: name, order: charge.orderId, data: { amountMinor } } as const;
        history.write({ ...entry, type: 'invoke' });
        // A client may have captured or cancelled meanwhile: then nothing is left to move.
        const status = await moveOutside(system, { charge, kind, amountMinor });
        history.write({ ...entry, type: status === 201 ? 'ok' : 'fail', status });
      }
      for (const { orderId } of chosen) {
        afterwards(`reconcile ${orderId}`, () => reconcileOrder(system, orderId, history));
      }
      return async () => {};
    },
  };
}

/** The charges of this kind of which nobody has moved anything yet. */
function untouchedCharges(ledger: readonly LedgerEntry[], kind: keyof typeof OUTSIDE): LedgerEntry[] {
  const charges = ledger.filter(({ kind: charged }) => charged === OUTSIDE[kind].of);
  const touched = new Set(ledger.filter((entry) => !charges.includes(entry)).map(({ orderId }) => orderId));
  return charges.filter(({ state, orderId }) => state === 'SUCCEEDED' && !touched.has(orderId));
}

async function moveOutside(
  { simulatorUrl }: ControlledSystem,
  { charge, kind, amountMinor }: { charge: LedgerEntry; kind: keyof typeof OUTSIDE; amountMinor: number },
): Promise<number> {
  const url = `${simulatorUrl}/v1/payments/${encodeURIComponent(charge.key)}/${OUTSIDE[kind].path}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amountMinor }),
    signal: AbortSignal.timeout(5_000),
  });
  await response.body?.cancel();
  return response.status;
}

/** The merchant's server of webhooks answers otherwise than it should. */
function receiverFault(name: string, modeOf: (strength: number) => ReceiverMode): FaultKind {
  return {
    name,
    lengthMs: [2_000, 10_000],
    targets: () => ['receiver'],
    begin: async ({ system, random }) => {
      const { receiver } = system.controls;
      await receiver.answer(modeOf(random.next()));
      return () => receiver.answer({ kind: 'take' });
    },
  };
}

const REFUSALS = [500, 503, 429, 404] as const;

/** Faults of the payment provider, and of the merchants' servers. */
export const PROVIDER_FAULTS: readonly FaultKind[] = [
  providerFault('provider-down', [1_000, 8_000], () => ({ down: true })),
  providerFault('provider-errors', [1_000, 8_000], (strength) => ({ errorRate: 0.2 + 0.7 * strength })),
  providerFault('provider-slow', [1_000, 8_000], (strength) => ({ latencyMs: Math.round(300 + 3_000 * strength) })),
  // The effect comes after every limit of the caller: it is late, and looked up in vain before.
  providerFault('late-effects', [2_000, 8_000], (strength) => ({
    lateMs: Math.round(500 + 8_000 * strength),
    resetAfterRate: 0.5,
  })),
  providerFault('lost-answers', [1_000, 8_000], (strength) => ({ resetAfterRate: 0.2 + 0.7 * strength })),
  reportStorm,
  effectAtProvider('refund'),
  effectAtProvider('capture'),
  receiverFault('receiver-refuses', (strength) => ({
    kind: 'refuse',
    status: REFUSALS[Math.floor(strength * REFUSALS.length)] ?? 500,
  })),
  receiverFault('receiver-resets', () => ({ kind: 'reset' })),
];
