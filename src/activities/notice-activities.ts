import type { CommandRepository } from '../../db/repositories/command-repository.ts';
import type { NoticePosition, NoticeRepository, StoredNotice } from '../../db/repositories/notice-repository.ts';
import type { OrderOwner, OrderRepository } from '../../db/repositories/order-repository.ts';
import { NoticeUnexpectedError, NoticeUnmatchedError } from '../domain/errors.ts';
import { base32Digest } from '../domain/ids.ts';
import {
  judgeNotice,
  type NamedCharge,
  type NoticeKey,
  type NoticeOutcome,
  type NoticeVerdict,
} from '../domain/payment-notice.ts';
import type { NoticeWorkflowInput, OrderSettings } from '../workflows/contract.ts';

/** Tells a step that waits for the payment provider to look now. */
export interface PaymentWaker {
  /**
   * `woken`: an attempt begins now. `under_way`: one runs that may have looked before. `nothing`: the workflow does not
   * wait for the provider. `gone`: there is no such workflow any more.
   */
  wake(workflowId: string, steps: readonly string[]): Promise<'woken' | 'under_way' | 'nothing' | 'gone'>;
}

/** What the steps of notices work with. */
export interface NoticeActivityDeps {
  readonly orders: OrderRepository;
  readonly commands: CommandRepository;
  readonly notices: NoticeRepository;
  readonly waker: PaymentWaker;
  readonly settings: OrderSettings;
  readonly noticePolicy: {
    /** A notice whose order has not come by then is shown to a person. */
    readonly unmatchedAfterMs: number;
    /** Whose operators see the notices that belong to no order. */
    readonly tenantId: string;
  };
}

/** What is to be done about a notice, without what a person has to decide. */
export type JudgedNotice =
  | { readonly kind: 'settled'; readonly outcome: NoticeOutcome }
  | { readonly kind: 'look_up' }
  | { readonly kind: 'give_back'; readonly charge: NamedCharge; readonly currency: string };

/** Younger notices are the API's, which has just stored them. */
const API_GRACE_MS = 5_000;

const PAGE_SIZE = 200;

/** Steps on what payment providers report. */
export function createNoticeActivities(deps: NoticeActivityDeps) {
  const { notices, orders, commands, waker, noticePolicy } = deps;
  return {
    /**
     * Effect: notices that the books know already are closed. Key: the event's id. Outcomes: some that ask for more,
     * with what to start for them; any of them, so that those that wait for a person cannot keep the others out of every
     * sweep. Failures: database, retryable. Undo: none.
     */
    async listDueNotices({ limit }: { limit: number }): Promise<NoticeWorkflowInput[]> {
      await notices.closeForeign(noticePolicy.unmatchedAfterMs);
      const due = new Map<string, NoticeWorkflowInput>();
      let after: NoticePosition | null = null;
      do {
        const page: StoredNotice[] = await notices.listReceived({ after, limit: PAGE_SIZE });
        for (const input of await dueOfPage(deps, page)) {
          // The others of an order wait for their turn.
          if (!due.has(input.orderId)) due.set(input.orderId, input);
        }
        after = page.length < PAGE_SIZE ? null : (page.at(-1) ?? null);
      } while (after !== null);
      return anyOf([...due.values()], limit);
    },

    /**
     * Effect: none. Outcomes: what is to be done about a notice by what is stored now. Failures: no such order, or money
     * that fits nothing, permanent (a person decides); database, retryable. Undo: none.
     */
    async judgeNotice(input: { orderId: string; tenantId: string; notice: NoticeKey }): Promise<JudgedNotice> {
      const notice = await notices.findOptional(input.notice);
      if (notice === null || notice.state === 'APPLIED') return { kind: 'settled', outcome: 'known' };
      const owner = await ownerOf(orders, notice);
      const verdict = verdictOf(notice, owner);
      const { eventId, kind, key, orderId } = notice;
      switch (verdict.kind) {
        case 'settled':
          return verdict;
        case 'look_up':
          // Nobody has looked for so long that nobody waits for it.
          if (notice.ageMs > noticePolicy.unmatchedAfterMs) throw new NoticeUnexpectedError(eventId, kind, key);
          return verdict;
        case 'give_back':
          return { ...verdict, currency: owner?.currency ?? '' };
        case 'unexpected':
          throw new NoticeUnexpectedError(eventId, kind, key);
        case 'unmatched':
          throw new NoticeUnmatchedError(eventId, orderId);
      }
    },

    /**
     * Effect: the step of the order that waits for the payment provider tries again at once. Key: none, a further look
     * is harmless. Outcomes: whether a look that begins now is certain. Failures: Temporal, retryable. Undo: none.
     */
    async wakePayment(input: {
      orderId: string;
      tenantId: string;
      steps: readonly string[];
    }): Promise<{ kind: 'woken' | 'under_way' | 'nothing' }> {
      const { orderId, tenantId, steps } = input;
      const given = await commands.listByOrder(tenantId, orderId);
      const settles = given.filter(({ generation }) => generation !== null).map(({ commandId }) => commandId);
      let seen: 'under_way' | 'nothing' = 'nothing';
      for (const workflowId of [`order/${orderId}`, ...settles.map((id) => `settle/${orderId}/${id}`)]) {
        const found = await waker.wake(workflowId, steps);
        if (found === 'woken') return { kind: found };
        if (found === 'under_way') seen = found;
      }
      return { kind: seen };
    },

    /**
     * Effect: stores what became of a notice. Key: the event's id; the first outcome stays. Outcomes: done. Failures:
     * database, retried without end. Undo: none.
     */
    async closeNotice(input: { notice: NoticeKey; outcome: NoticeOutcome }): Promise<void> {
      await notices.close(input.notice, input.outcome);
    },
  };
}

function anyOf<Item>(items: readonly Item[], limit: number): Item[] {
  const drawn = items.map((item) => ({ item, lot: Math.random() })).toSorted((a, b) => a.lot - b.lot);
  return drawn.slice(0, limit).map(({ item }) => item);
}

/** What to start for the notices of a page, which costs two statements. Those that are settled are closed. */
async function dueOfPage(deps: NoticeActivityDeps, page: readonly StoredNotice[]): Promise<NoticeWorkflowInput[]> {
  const { orders, notices, noticePolicy } = deps;
  const seasoned = page.filter(({ ageMs }) => ageMs >= Math.min(API_GRACE_MS, noticePolicy.unmatchedAfterMs));
  const owners = await orders.findOwners(seasoned.flatMap(({ orderId }) => (orderId === null ? [] : [orderId])));
  const due: NoticeWorkflowInput[] = [];
  const closed: (NoticeKey & { outcome: NoticeOutcome })[] = [];
  for (const notice of seasoned) {
    const { provider, eventId, orderId } = notice;
    const owner = owners.get(orderId ?? '') ?? null;
    const verdict = verdictOf(notice, owner);
    if (verdict.kind === 'settled') closed.push({ provider, eventId, outcome: verdict.outcome });
    else if (verdict.kind !== 'unmatched' || notice.ageMs >= noticePolicy.unmatchedAfterMs) {
      due.push(inputOf(deps, notice, owner));
    }
  }
  await notices.closeAll(closed);
  return due;
}

function inputOf(
  { noticePolicy, settings }: NoticeActivityDeps,
  { provider, eventId }: StoredNotice,
  owner: OrderOwner | null,
): NoticeWorkflowInput {
  const standIn = `notice_${base32Digest(`${provider}\0${eventId}`)}`;
  return {
    notice: { provider, eventId },
    orderId: owner?.orderId ?? standIn,
    tenantId: owner?.tenantId ?? noticePolicy.tenantId,
    correlationId: owner?.correlationId ?? standIn,
    settings,
  };
}

function verdictOf(notice: StoredNotice, owner: OrderOwner | null): NoticeVerdict {
  const { operation, isOutdated } = notice;
  return judgeNotice(notice, { orderStatus: owner?.status ?? null, operation, isOutdated });
}

async function ownerOf(orders: OrderRepository, { orderId }: StoredNotice): Promise<OrderOwner | null> {
  return orderId === null ? null : orders.findOwner(orderId);
}
