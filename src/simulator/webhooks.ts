import { createHmac, createHash } from 'node:crypto';
import type { Delays } from './delays.ts';
import type { LedgerRecord } from './ledger.ts';
import type { MovementRequest } from './requests.ts';

/** Where effects are reported, and the secret that signs the reports (Standard Webhooks: `whsec_` and base64). */
export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

/** Reports effects to the merchant's system; it never delays an answer. */
export interface WebhookSender {
  /** Reports a durable effect. */
  effect(record: LedgerRecord): void;
  /** Reports a refund that the card does not accept. */
  refundFailed(request: MovementRequest): void;
}

/** A merchant's system that restarts is back within seconds; one that is away for longer looks payments up. */
const RETRY_DELAYS_MS = [200, 1_000, 3_000, 10_000] as const;

const ANSWER_WITHIN_MS = 5_000;

/**
 * Reports under way or waiting; each holds about 1 kB. Reports may be dropped, because the merchant does not rely on
 * them.
 */
const WAITING_MAX = 10_000;

/** Reports nothing. */
const SILENT: WebhookSender = { effect: () => {}, refundFailed: () => {} };

/** Without a target the sender reports nothing. */
export function createWebhookSender(
  target: WebhookTarget | null,
  delays: Delays,
  warn: (message: string) => void,
): WebhookSender {
  if (target === null) return SILENT;
  const key = Buffer.from(target.secret.replace(/^whsec_/, ''), 'base64');
  let waiting = 0;
  const send = (report: Report): void => {
    if (waiting >= WAITING_MAX) return warn(`the report ${report.id} is dropped: too many wait`);
    waiting += 1;
    void deliver({ url: target.url, key }, report, delays)
      .then((isDelivered) => {
        if (!isDelivered) warn(`the report ${report.id} was not taken`);
      })
      .finally(() => {
        waiting -= 1;
      });
  };
  return {
    effect: (record) => {
      const type = typeOf(record);
      const isExternal = 'external' in record && record.external === true;
      const told = { ...record, key: isExternal ? null : record.key };
      if (type !== null) send(reportOf({ id: `evt_${record.id}`, type, timestamp: record.at }, told));
    },
    refundFailed: (request) => {
      const id = `evt_failed_${createHash('sha256').update(request.key).digest('hex').slice(0, 32)}`;
      send(reportOf({ id, type: 'refund.failed', timestamp: new Date().toISOString() }, request));
    },
  };
}

interface Report {
  readonly id: string;
  readonly body: string;
}

/** Voids are not reported: they are answered at once, and nobody waits for a report. */
function typeOf({ kind, state }: LedgerRecord): string | null {
  switch (kind) {
    case 'sale':
    case 'authorize':
      return state === 'SUCCEEDED' ? 'payment.succeeded' : 'payment.declined';
    case 'capture':
      return 'payment.succeeded';
    case 'refund':
      return 'refund.succeeded';
    case 'void':
      return null;
  }
}

interface Told extends Pick<LedgerRecord, 'orderId' | 'amountMinor' | 'currency'> {
  /** The provider's own id of the effect; absent where there is none. */
  readonly id?: string;
  /** Null when the merchant's system did not ask for it. */
  readonly key: string | null;
}

interface ReportHead {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
}

function reportOf({ id, type, timestamp }: ReportHead, told: Told): Report {
  const { id: ref, orderId, key, amountMinor, currency } = told;
  return { id, body: JSON.stringify({ type, timestamp, data: { id: ref, orderId, key, amountMinor, currency } }) };
}

interface Receiver {
  readonly url: string;
  /** The key that signs reports. */
  readonly key: Buffer;
}

/** Each try is signed anew, because a signature expires. */
async function deliver({ url, key }: Receiver, { id, body }: Report, delays: Delays): Promise<boolean> {
  for (const delayMs of [0, ...RETRY_DELAYS_MS]) {
    if (delayMs > 0 && !(await delays.wait(delayMs))) return false;
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch(() => null);
    await answer?.body?.cancel().catch(() => {});
    if (answer?.ok === true) return true;
  }
  return false;
}
