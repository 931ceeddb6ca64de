import type { CaseRepository } from '../../../db/repositories/orders/case-repository.ts';
import type { CommandRepository } from '../../../db/repositories/orders/command-repository.ts';
import type {
  NoticePosition,
  NoticeRepository,
  StoredNotice,
} from '../../../db/repositories/payments/notice-repository.ts';
import type { OrderOwner, OrderRepository } from '../../../db/repositories/orders/order-repository.ts';
import { NoticeUnexpectedError, NoticeUnmatchedError } from '../../domain/errors.ts';
import { standInOf } from '../../domain/ids.ts';
import { isAtRest } from '../../domain/order-status.ts';
import {
  type NamedCharge,
  type NoticeKey,
  type NoticeOutcome,
  type NoticeVerdict,
  type NoticeWorkflowInput,
  judgeNotice,
  noticeContextOf,
} from '../../domain/payments/payment-notice.ts';
import type { OrderSettings } from '../../domain/order-settings.ts';

/** Makes a step that waits for the payment provider look at once. */
export interface PaymentRetrigger {
  /**
   * `retriggered`: an attempt begins now. `under_way`: an attempt is running that may have looked before. `nothing`: the
   * workflow does not wait for the provider. `gone`: the workflow does not exist any more.
   */
  wake(workflowId: string, steps: readonly string[]): Promise<'retriggered' | 'under_way' | 'nothing' | 'gone'>;
  /**
   * Lets the workflow of a notice judge it again, if the workflow is parked. The workflow is found by the order id with
   * which it was started.
   */
  judgeAgain(orderId: string, notice: NoticeKey): Promise<void>;
}

export interface NoticeActivityDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly notices: NoticeRepository;
  readonly cases: CaseRepository;
  readonly moves: {
    /** Closes the cases of the calling workflow, which no step waits for any more. */
    closeLeft(step: string, orderId: string): Promise<void>;
  };
  readonly retrigger: PaymentRetrigger;
  readonly settings: OrderSettings;
  readonly noticePolicy: {
    /** After this time a notice without its order is shown to a person. */
    readonly unmatchedAfterMs: number;
    /** The tenant whose operators see the notices that belong to no order. */
    readonly tenantId: string;
  };
}

/** What has to be done about a notice, without decisions of people. */
export type JudgedNotice =
  | { readonly kind: 'settled'; readonly outcome: NoticeOutcome }
  | { readonly kind: 'look_up' }
  | { readonly kind: 'give_back'; readonly charge: NamedCharge; readonly currency: string }
  | { readonly kind: 'adopt'; readonly currency: string }
  | { readonly kind: 'look_again' };

/** The API is still working on younger notices, which it has just stored. */
const API_GRACE_MS = 5_000;

const PAGE_SIZE = 200;

/** Steps on reports of payment providers. */
export function createNoticeActivities(deps: NoticeActivityDeps) {
  const { notices, orders, commands, retrigger, noticePolicy, moves } = deps;
  return {
    /**
     * Effect: closes notices that the books explain by now; their cases close by themselves.
     * Key: the event's id.
     * Outcomes: a random sample of notices that need work, with the input of their workflows (a sample, so that notices
     * that wait for a person cannot starve the rest).
     * Failures: database, Temporal, retryable.
     * Undo: none.
     */
    async listDueNotices({ limit }: { limit: number }): Promise<NoticeWorkflowInput[]> {
      await notices.closeForeign(noticePolicy.unmatchedAfterMs);
      const due: NoticeWorkflowInput[] = [];
      let after: NoticePosition | null = null;
      do {
        const page: StoredNotice[] = await notices.listReceived({ after, limit: PAGE_SIZE });
        due.push(...(await dueOfPage(deps, page)));
        after = page.length < PAGE_SIZE ? null : (page.at(-1) ?? null);
      } while (after !== null);
      return anyOf(due, limit);
    },

    /**
     * Effect: none.
     * Outcomes: what has to be done about a notice by the stored facts; `look_again` while no fact explains the notice
     * and this is not the last look.
     * Failures: no matching order, or money that nothing explains at the last look, permanent (a person decides);
     * database, retryable.
     * Undo: none.
     */
    async judgeNotice(input: JudgeNoticeInput): Promise<JudgedNotice> {
      const notice = await notices.findOptional(input.notice);
      if (notice === null || notice.state === 'APPLIED') return { kind: 'settled', outcome: 'known' };
      const owner = await ownerOf(orders, notice);
      const isStale = notice.ageMs > noticePolicy.unmatchedAfterMs;
      const verdict = verdictOf(notice, owner, isStale);
      const { eventId, kind, key, orderId } = notice;
      const currency = owner?.currency ?? '';
      switch (verdict.kind) {
        case 'settled':
        case 'look_up':
          return verdict;
        case 'give_back':
          return { ...verdict, currency };
        case 'adopt':
          if (input.isLast === true) throw new NoticeUnexpectedError(eventId, kind, key);
          return { ...verdict, currency };
        case 'unexpected':
          // A dispute never changes by waiting. For every other notice the books may still change.
          if (input.isLast === false && kind !== 'disputed' && !isStale) return { kind: 'look_again' };
          throw new NoticeUnexpectedError(eventId, kind, key);
        case 'unmatched':
          throw new NoticeUnmatchedError(eventId, orderId);
      }
    },

    /**
     * Effect: the order's step that waits for the payment provider tries again at once.
     * Key: none; a further look is harmless.
     * Outcomes: whether it is certain that a look begins now.
     * Failures: Temporal, retryable.
     * Undo: none.
     */
    async retriggerPayment(input: {
      orderId: string;
      tenantId: string;
      steps: readonly string[];
    }): Promise<{ kind: 'retriggered' | 'under_way' | 'nothing' }> {
      const { orderId, tenantId, steps } = input;
      const given = await commands.listByOrder(tenantId, orderId);
      const decided = given.filter(({ generation }) => generation !== null).map(({ commandId }) => commandId);
      let seen: 'under_way' | 'nothing' = 'nothing';
      for (const workflowId of [`order/${orderId}`, ...decided.map((id) => `order-command/${orderId}/${id}`)]) {
        const found = await retrigger.wake(workflowId, steps);
        if (found === 'retriggered') return { kind: found };
        if (found === 'under_way') seen = found;
      }
      return { kind: seen };
    },

    /**
     * Effect: stores the outcome of a notice, and closes the cases that its workflow has left open.
     * Key: the event's id; the first outcome stays.
     * Outcomes: done.
     * Failures: database, retried without end.
     * Undo: none.
     */
    async closeNotice(input: { notice: NoticeKey; outcome: NoticeOutcome; orderId?: string }): Promise<void> {
      await notices.close(input.notice, input.outcome);
      // A workflow of an earlier version does not say the order.
      if (input.orderId !== undefined) await moves.closeLeft('close-notice', input.orderId);
    },
  };
}

/** The notice to judge. */
interface JudgeNoticeInput {
  readonly orderId: string;
  readonly tenantId: string;
  readonly notice: NoticeKey;
  /** Whether this is the last look at the notice; absent in workflows of earlier versions, which look only once. */
  readonly isLast?: boolean;
}

function anyOf<Item>(items: readonly Item[], limit: number): Item[] {
  const drawn = items.map((item) => ({ item, lot: Math.random() })).toSorted((a, b) => a.lot - b.lot);
  return drawn.slice(0, limit).map(({ item }) => item);
}

/** The workflow inputs for the notices of a page, found by two statements. Settled notices are closed. */
async function dueOfPage(deps: NoticeActivityDeps, page: readonly StoredNotice[]): Promise<NoticeWorkflowInput[]> {
  const { orders, notices, noticePolicy } = deps;
  const seasoned = page.filter(({ ageMs }) => ageMs >= Math.min(API_GRACE_MS, noticePolicy.unmatchedAfterMs));
  const owners = await orders.findOwners(seasoned.flatMap(({ orderId }) => (orderId === null ? [] : [orderId])));
  const due: NoticeWorkflowInput[] = [];
  const closed: (NoticeKey & { outcome: NoticeOutcome; orderId: string | null })[] = [];
  for (const notice of seasoned) {
    const { provider, eventId, orderId } = notice;
    const owner = owners.get(orderId ?? '') ?? null;
    const verdict = verdictOf(notice, owner);
    if (verdict.kind === 'settled') closed.push({ provider, eventId, orderId, outcome: verdict.outcome });
    else if (verdict.kind !== 'unmatched' || notice.ageMs >= noticePolicy.unmatchedAfterMs) {
      due.push(inputOf(deps, notice, owner));
    }
  }
  await notices.closeAll(closed.map(({ provider, eventId, outcome }) => ({ provider, eventId, outcome })));
  await judgeAgain(deps, closed);
  return due;
}

function inputOf(
  { noticePolicy, settings }: NoticeActivityDeps,
  { provider, eventId }: StoredNotice,
  owner: OrderOwner | null,
): NoticeWorkflowInput {
  const standIn = standInOf({ provider, eventId });
  return {
    notice: { provider, eventId },
    orderId: owner?.orderId ?? standIn,
    tenantId: owner?.tenantId ?? noticePolicy.tenantId,
    correlationId: owner?.correlationId ?? standIn,
    ...(owner?.traceparent == null ? {} : { traceparent: owner.traceparent }),
    settings,
  };
}

/** A notice that is explained by now may have a case; its parked workflow judges it again and closes the case. */
async function judgeAgain(
  { cases, retrigger }: NoticeActivityDeps,
  closed: readonly (NoticeKey & { readonly orderId: string | null })[],
): Promise<void> {
  const places = closed.flatMap((notice) =>
    [notice.orderId, standInOf(notice)].flatMap((orderId) => (orderId === null ? [] : [{ orderId, notice }])),
  );
  const parked = await cases.listParked(places.map(({ orderId }) => orderId));
  for (const { orderId, notice } of places) if (parked.has(orderId)) await retrigger.judgeAgain(orderId, notice);
}

/**
 * `isStale`: the notice is so old that no step waits for it any more. Then operations that were stored as UNKNOWN and
 * never completed are adopted. An order that seems to move but has no command that owns it needs a person.
 */
function verdictOf(notice: StoredNotice, owner: OrderOwner | null, isStale = false): NoticeVerdict {
  const context = noticeContextOf(notice, owner);
  const verdict = judgeNotice(notice, context);
  if (verdict.kind !== 'look_up' || !isStale || context.isOwned === true) return verdict;
  const isAdoptable = notice.kind === 'refunded' || notice.kind === 'charge_succeeded';
  const isResting = owner !== null && isAtRest(owner.status) && owner.status !== 'AWAITING_CAPTURE';
  return { kind: isAdoptable && isResting ? 'adopt' : 'unexpected' };
}

async function ownerOf(orders: OrderRepository, { orderId }: StoredNotice): Promise<OrderOwner | null> {
  return orderId === null ? null : orders.findOwner(orderId);
}
