import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { NoticeRepository, StoredNotice } from '../../../db/repositories/payments/notice-repository.ts';
import type { OrderOwner, OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import {
  judgeNotice,
  noticeContextOf,
  WebhookContentError,
  WebhookSignatureError,
  type NoticeKey,
  type NoticeVerdict,
  type PaymentNotice,
  type PaymentProvider,
  type PaymentWebhook,
  type WebhookRequest,
} from '../../domain/payments/payment-notice.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';
import type { Logger } from '../../runtime/logger.ts';
import { startNotice } from '../../temporal/workflow-starts.ts';
import { createConcurrencyLimit } from '../http/concurrency-limit.ts';
import { ProblemError } from '../http/problem.ts';
import type { TemporalHealth } from '../../temporal/health.ts';

export interface NoticeIntakeDeps {
  readonly client: Client;
  readonly health: TemporalHealth;
  readonly notices: NoticeRepository;
  readonly orders: OrderRepository;
  readonly settings: OrderSettings;
  readonly logger: Logger;
  /** The webhooks of the configured providers. */
  readonly webhooks: Readonly<Partial<Record<PaymentProvider, PaymentWebhook>>>;
}

/** Receives the reports of payment providers. */
export interface NoticeIntake {
  /**
   * Verifies and stores a report; it is seen to afterwards. `duplicate`: it was stored before, and nothing is done again.
   * @throws {ProblemError} `not_found`, `webhook_signature_refused`, `validation_failed`, `unavailable`.
   */
  take(provider: PaymentProvider, request: WebhookRequest): Promise<'stored' | 'duplicate'>;
}

/**
 * By then the answer of a money call is in the books: its local try takes 1 s at most, and its row some milliseconds.
 */
const ANSWER_IS_BOOKED_MS = 1_500;

/** Reports that are stored at once; a provider may have half of them. An unsigned report takes no place. */
const STORED_AT_ONCE_MAX = 256;

/** Notices that are handled at once; further ones wait for the sweep. */
const AT_ONCE_MAX = 1_000;

const CALL_TIMEOUT_MS = 4_000;

export function createNoticeIntake(deps: NoticeIntakeDeps): NoticeIntake {
  let underWay = 0;
  const places = createConcurrencyLimit({ what: 'reports', max: STORED_AT_ONCE_MAX });
  const seeToLater = (key: NoticeKey): void => {
    if (underWay >= AT_ONCE_MAX) return;
    underWay += 1;
    void seeTo(deps, key)
      .catch((error: unknown) => deps.logger.warn({ err: error, ...key }, 'a notice is left to the sweep'))
      .finally(() => (underWay -= 1));
  };
  return {
    take: async (provider, request) => {
      const webhook = deps.webhooks[provider];
      if (webhook === undefined) throw new ProblemError('not_found', 'this provider is not configured');
      const news = read(webhook, request);
      if (!isStorable(news)) throw new ProblemError('validation_failed', 'an id in the report is too long or no text');
      const giveBack = places.take(provider);
      const isNew = await deps.notices.add(news).finally(giveBack);
      if (!isNew) return 'duplicate';
      seeToLater({ provider, eventId: news.eventId });
      return 'stored';
    },
  };
}

function read(webhook: PaymentWebhook, request: WebhookRequest): PaymentNotice {
  try {
    return webhook.read(request);
  } catch (error) {
    if (error instanceof WebhookSignatureError) throw new ProblemError('webhook_signature_refused', error.message);
    if (error instanceof WebhookContentError) throw new ProblemError('validation_failed', error.message);
    throw error;
  }
}

/** The longest id of a provider; PostgreSQL must be able to hold it as text. */
const ID_MAX_LENGTH = 255;

function isStorable({ eventId, orderId, key, chargeRef, movementRef, currency, amountMinor }: PaymentNotice): boolean {
  const ids = [eventId, orderId, key, chargeRef, movementRef, currency].filter((id) => id !== null);
  const areTexts = ids.every((id) => id.length <= ID_MAX_LENGTH && !id.includes('\0') && id.isWellFormed());
  return areTexts && (amountMinor === null || Number.isSafeInteger(amountMinor));
}

/**
 * The books already have the facts of most notices; only the others cost a workflow. If anything fails here, the sweep
 * handles the notice.
 */
async function seeTo(deps: NoticeIntakeDeps, key: NoticeKey): Promise<void> {
  let seen = await look(deps, key);
  if (seen !== null && mayBeBookedSoon(seen)) {
    await sleep(ANSWER_IS_BOOKED_MS, undefined, { ref: false });
    seen = await look(deps, key);
  }
  if (seen === null) return;
  const { verdict, owner } = seen;
  if (verdict.kind === 'settled') await deps.notices.close(key, verdict.outcome);
  else if (verdict.kind !== 'unmatched' && owner !== null) await startWorkflow(deps, key, owner);
}

/** The provider may report a movement of ours before its answer is recorded. */
function mayBeBookedSoon({ verdict, notice }: Seen): boolean {
  const isAnswered = notice.operation !== null && notice.operation !== 'UNKNOWN';
  return !isAnswered && notice.kind !== 'disputed' && WAITING_VERDICTS.includes(verdict.kind);
}

const WAITING_VERDICTS: readonly NoticeVerdict['kind'][] = ['look_up', 'adopt', 'unexpected'];

interface Seen {
  readonly notice: StoredNotice;
  readonly owner: OrderOwner | null;
  readonly verdict: NoticeVerdict;
}

async function look({ notices, orders }: NoticeIntakeDeps, key: NoticeKey): Promise<Seen | null> {
  const notice = await notices.findOptional(key);
  if (notice === null || notice.state === 'APPLIED') return null;
  const owner = notice.orderId === null ? null : await orders.findOwner(notice.orderId);
  const verdict = judgeNotice(notice, noticeContextOf(notice, owner));
  return { notice, owner, verdict };
}

async function startWorkflow(
  { client, health, settings }: NoticeIntakeDeps,
  notice: NoticeKey,
  { orderId, tenantId, correlationId, traceparent }: OrderOwner,
): Promise<void> {
  if (!health.isUp()) return;
  const trace = traceparent === null ? {} : { traceparent };
  await startNotice(client, { notice, orderId, tenantId, correlationId, ...trace, settings }, CALL_TIMEOUT_MS);
}
