import { orderIdFor } from '../../src/domain/ids.ts';
import type { HistoryEntry } from '../history.ts';
import { violation, type RunFacts, type Violation } from './facts.ts';

/**
 * Every key with a 202 has one order, under the same id in every answer; another body under the key has none; and no
 * order is there that nobody wanted.
 */
export function checkAccepted({ entries, orders }: RunFacts): Violation[] {
  const creates = Map.groupBy(
    entries.filter(({ op, key }) => op === 'create' && key !== null),
    ({ key }) => key ?? '',
  );
  const byKey = new Map([...orders.values()].map((order) => [`${order.tenantId}/${order.key}`, order]));
  const unwanted = [...orders.values()]
    .filter(({ key }) => !creates.has(key))
    .map(({ orderId, key }) => violation('accepted', orderId, `nobody has asked for the key ${key}`));
  const broken = [...creates].flatMap(([key, lines]) => {
    const accepted = lines.filter(({ type }) => type === 'ok');
    const ids = new Set(accepted.map(({ data }) => String(data['id'])));
    const [id] = ids;
    if (id === undefined) return [];
    const tenant = tenantOf(lines);
    const problems: string[] = [];
    if (ids.size > 1) problems.push(`it was answered with ${ids.size} ids`);
    if (new Set(accepted.map(({ data }) => data['body'])).size > 1) problems.push('two bodies were accepted under it');
    if (id !== orderIdFor(tenant, key)) problems.push(`${id} does not follow from tenant and key`);
    const order = byKey.get(`${tenant}/${key}`);
    if (order === undefined) problems.push(`it was answered with 202 and ${id}, and there is no order`);
    else if (order.orderId !== id) problems.push(`the client was told ${id}, the order is ${order.orderId}`);
    return problems.map((message) => violation('accepted', key, message));
  });
  return [...broken, ...unwanted];
}

/** The tenant of a client, which is the first word of its name. */
function tenantOf([first]: readonly HistoryEntry[]): string {
  return first?.who.split('/')[0] ?? '';
}
