import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseAction } from '../../src/domain/case.ts';
import type { Random } from '../random.ts';
import type { GoodClient } from './good-client.ts';

/** The operators of one tenant. */
export interface Operators {
  readonly tenant: string;
  /** Decides about cases. */
  readonly first: GoodClient;
  /** Approves what one person may not decide alone. */
  readonly second: GoodClient;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** The fields of a case that an operator acts on. */
interface OpenCase {
  readonly id: string;
  readonly orderId: string;
  readonly step: string;
  readonly errorCode: string;
  readonly fingerprint: string;
  readonly version: number;
  readonly actions: readonly CaseAction[];
  readonly input: { readonly method?: string };
  /** What the first of two persons has proposed. */
  readonly proposal: object | null;
}

const LOOK_EVERY_MS = 1_500;

/** Cases that are decided in one look. */
const DECIDED_MAX = 25;

/** Open cases of one cause from which on they are tried again together. */
const REDRIVE_FROM = 5;

/** How often a tenant's cases are redriven at most. */
const REDRIVE_EVERY_MS = 15_000;

/** Looks for open cases and decides them, until told to stop. */
export async function runOperators(operators: Operators): Promise<void> {
  const { first, signal } = operators;
  let redrivenAt = -Infinity;
  while (!signal.aborted) {
    const open = await openCases(operators);
    const cause = commonCause(open);
    if (cause !== null && performance.now() - redrivenAt > REDRIVE_EVERY_MS) {
      redrivenAt = performance.now();
      await first.ask({
        op: 'redrive',
        method: 'POST',
        path: '/v1/cases/redrive',
        key: `redrive-${operators.tenant}-${Math.floor(operators.random.next() * 1e12)}`,
        body: { fingerprint: cause, reason: 'chaos' },
      });
    }
    for (const found of open.slice(0, DECIDED_MAX)) await decide(operators, found);
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function openCases({ first, tenant }: Operators): Promise<readonly OpenCase[]> {
  const answer = await first.ask({
    op: 'cases',
    method: 'GET',
    path: '/v1/cases?state=open&limit=100',
    data: { tenant },
  });
  if (answer?.status !== 200) return [];
  return answer.body['items'] as readonly OpenCase[];
}

/** The fingerprint that several cases share, unless a person has to look at each of them. */
function commonCause(open: readonly OpenCase[]): string | null {
  const retried = open.filter(({ errorCode, input }) => errorCode !== 'payment_mismatch' && input.method !== 'pm_down');
  const causes = [...Map.groupBy(retried, ({ fingerprint }) => fingerprint)];
  return causes.find(([, cases]) => cases.length >= REDRIVE_FROM)?.[0] ?? null;
}

async function decide(operators: Operators, found: OpenCase): Promise<void> {
  const { first, second, random } = operators;
  // The proof of a payment outside needs two persons who say the same.
  if (found.proposal !== null) await resolve(second, found, 'forceResolve');
  else await resolve(first, found, actionFor(found, random));
}

/** What a person does about a failure that another try does not help. */
const REMEDIES: Readonly<Record<string, CaseAction>> = {
  // Another amount is never accepted.
  payment_mismatch: 'abort',
  refund_refused: 'forceResolve',
  notice_unexpected: 'skip',
  notice_unmatched: 'skip',
};

/** Share of the other cases that are given up instead of tried again. */
const GIVEN_UP = 0.2;

function actionFor({ errorCode, actions, input }: OpenCase, random: Random): CaseAction {
  const isDown = input.method === 'pm_down';
  const usual = isDown
    ? random.pick(['retry', 'retryWith', 'abort'] as const)
    : random.strikes(GIVEN_UP)
      ? 'abort'
      : 'retry';
  const wanted = REMEDIES[errorCode] ?? usual;
  return actions.includes(wanted) ? wanted : 'retry';
}

async function resolve(person: GoodClient, found: OpenCase, action: CaseAction): Promise<void> {
  const { id, orderId, step, errorCode, version } = found;
  await person.ask({
    op: 'resolve',
    method: 'POST',
    path: `/v1/cases/${id}/resolve`,
    key: `resolve-${id}-${version}-${action}-${person.who.replace('/', '-')}`,
    order: orderId,
    body: {
      action,
      version,
      reason: 'chaos',
      ...(action === 'retryWith' ? { patch: { method: 'pm_ok' } } : {}),
      ...(action === 'forceResolve' ? { evidence: `bank-${id.slice(-8)}` } : {}),
    },
    data: { action, step, errorCode },
    read: ({ outcome }) => ({ outcome }),
  });
}
