import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActView } from '../../src/api/operations/audit-trail-schemas.ts';
import { untilStatus } from '../support/faults/order-actions.ts';
import { expectProblem } from '../support/http/problems.ts';
import { orderBody, startTestSystem, type Answer, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

interface Page {
  readonly items: ActView[];
  readonly nextCursor: string | null;
}

async function send(
  path: string,
  subject: string,
  { method = 'POST', ...body }: { readonly method?: string; readonly [field: string]: unknown },
): Promise<Answer<{ id: string }>> {
  const token = await system.token('demo', undefined, subject);
  const headers = { 'idempotency-key': randomUUID() };
  return system.request(path, { method, token, headers, body: JSON.stringify(body) });
}

async function acts(query: Record<string, string>, tenant = 'demo'): Promise<ActView[]> {
  const path = `/v1/audit/actions?${new URLSearchParams(query).toString()}`;
  const { status, body } = await system.request<Page>(path, { token: await system.token(tenant) });
  expect({ status, nextCursor: body.nextCursor }).toEqual({ status: 200, nextCursor: null });
  return body.items;
}

async function exported(query: Record<string, string>): Promise<ActView[]> {
  const answer = await fetch(`${system.url}/v1/audit/actions/export?${new URLSearchParams(query).toString()}`, {
    headers: { authorization: `Bearer ${await system.token()}` },
  });
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  const lines = (await answer.text()).split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as ActView);
}

async function soldBy(subject: string): Promise<{ orderId: string; placed: Answer<{ id: string }> }> {
  const placed = await send('/v1/orders', subject, orderBody());
  await untilStatus(system, placed.body.id, 'CONFIRMED');
  return { orderId: placed.body.id, placed };
}

const putProduct = (actor: string, priceMinor: number) =>
  send('/v1/products/SKU-0009', actor, { method: 'PUT', name: 'Cup', priceMinor, currency: 'EUR' });

it('The audit trail tells who placed an order and who commanded it, with the requests and their outcomes', async () => {
  const { orderId, placed } = await soldBy('grace');
  const refused = await send(`/v1/orders/${orderId}/refunds`, 'eve', { amountMinor: 1_000_000, reason: 'greed' });
  expectProblem(refused, 'amount_exceeds_captured');
  const refunded = await send(`/v1/orders/${orderId}/refunds`, 'finn', { amountMinor: 1, reason: 'scratched' });
  const found = await acts({ subject: orderId });
  expect(found.map(({ action, actor, reason }) => [action, actor, reason])).toEqual([
    ['order.refund', 'finn', 'scratched'],
    ['order.refund', 'eve', 'greed'],
    ['order.place', 'grace', null],
  ]);
  const requestOf = ({ headers }: Answer<unknown>) => headers.get('x-request-id');
  expect(found).toMatchObject([
    { requestId: requestOf(refunded), status: 202, outcome: 'accepted', after: { amountMinor: 1 } },
    { requestId: requestOf(refused), status: 422, outcome: 'amount_exceeds_captured' },
    { correlationId: requestOf(placed), outcome: 'accepted' },
  ]);
});

it('An act of an operator has its request and its outcome, and one that was interrupted has no outcome', async () => {
  const put = await putProduct('mona', 2_250);
  const requestId = put.headers.get('x-request-id');
  expect(await acts({ actor: 'mona' })).toMatchObject([
    { action: 'product.put', subject: 'SKU-0009', requestId, status: put.status, outcome: null },
  ]);
  await system.database.query(
    `INSERT INTO audit.operator_actions (action_id, tenant_id, actor, action, subject, request_id)
     VALUES ('act_cut', 'demo', 'otto', 'product.put', 'SKU-0009', 'req_cut')`,
  );
  expect(await acts({ actor: 'otto' })).toMatchObject([{ requestId: 'req_cut', status: null, outcome: null }]);
});

it('An act is answered although its outcome cannot be stored', async () => {
  const rename = (from: string, to: string) =>
    system.database.query(`ALTER TABLE audit.${from} RENAME TO ${to}`).then(() => {});
  await rename('operator_outcomes', 'lost_outcomes');
  const put = await putProduct('nina', 2_300);
  await rename('lost_outcomes', 'operator_outcomes');
  expect([200, 201]).toContain(put.status);
  const requestId = put.headers.get('x-request-id');
  expect(await acts({ actor: 'nina' })).toMatchObject([{ requestId, status: null }]);
});

it('The pages of the audit trail, its filters and its export agree', async () => {
  const from = new Date().toISOString();
  for (const actor of ['pia', 'quinn', 'pia']) await putProduct(actor, 2_250);
  await soldBy('pia');
  const all = await acts({ from });
  expect(all.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
    'order.place pia',
    'product.put pia',
    'product.put quinn',
    'product.put pia',
  ]);
  const paged: ActView[] = [];
  let cursor: string | null = '';
  while (cursor !== null && paged.length < 10) {
    const next: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body }: Answer<Page> = await system.request<Page>(`/v1/audit/actions?limit=1&from=${from}${next}`);
    paged.push(...body.items);
    cursor = body.nextCursor;
  }
  expect(paged).toEqual(all);
  expect(await exported({ from })).toEqual(all);
  expect(await exported({ from, actor: 'pia', action: 'product.put' })).toEqual([all[1], all[3]]);
  expect(await acts({ from, to: all[1]?.at ?? '' })).toEqual(all.filter(({ at }) => at < (all[1]?.at ?? '')));
  expect(await exported({ from: '2999-01-01T00:00:00Z' })).toEqual([]);
  for (const query of ['cursor=bm9uZQ', 'from=yesterday', 'who=pia']) {
    expectProblem(await system.request(`/v1/audit/actions?${query}`), 'validation_failed');
  }
});

it('An export of more acts than are read at once has each of them, newest first', async () => {
  await system.database.query(
    `INSERT INTO audit.operator_actions (action_id, tenant_id, actor, action, subject, at)
     SELECT 'act_many_' || n, 'demo', 'many', 'product.put', 'SKU', now() - n / 10 * interval '1 second'
     FROM generate_series(1, 1200) n`,
  );
  const found = await exported({ actor: 'many' });
  expect(new Set(found.map(({ id }) => id)).size).toBe(1_200);
  const times = found.map(({ at }) => at);
  expect(times).toEqual(times.toSorted().toReversed());
});

it('The audit trail of a tenant has nothing of another tenant, and only those read it who may', async () => {
  await soldBy('rosa');
  expect((await acts({ actor: 'rosa' })).length).toBeGreaterThan(0);
  expect(await acts({}, 'other')).toEqual([]);
  const token = await system.token('demo', ['orders:read', 'customers:erase']);
  for (const path of ['/v1/audit/actions', '/v1/audit/actions/export']) {
    expectProblem(await system.request(path, { token }), 'forbidden');
  }
});

it.each([
  `UPDATE audit.operator_outcomes SET status = 500`,
  `DELETE FROM audit.operator_outcomes`,
  `TRUNCATE audit.operator_outcomes`,
])('The outcomes refuse %s even of their owner', async (statement) => {
  await putProduct('sam', 2_250);
  await expect(system.database.query(statement)).rejects.toMatchObject({ code: '23001' });
  expect(await acts({ actor: 'sam', action: 'product.put' })).not.toEqual([]);
});
