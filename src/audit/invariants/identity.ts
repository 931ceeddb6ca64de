import { orderIdFor } from '../../domain/ids.ts';
import { openExecutions, type OrderFacts } from '../facts.ts';
import { NOT_APPLICABLE, type Finding } from './finding.ts';

/**
 * I1: an accepted order (its workflow was started) has a row, every row belongs to an order, and the order's id follows
 * from its tenant and key. A unique index ensures that a tenant's key names only one order.
 */
export function checkIdentity(facts: OrderFacts): Finding {
  if (facts.order === null) return checkRowless(facts);
  const { orderId, tenantId, idempotencyKey } = facts.order;
  const expected = orderIdFor(tenantId, idempotencyKey);
  const problems = expected === orderId ? [] : [`its tenant and its key give the id ${expected}`];
  return { checked: 1, problems };
}

function checkRowless(facts: OrderFacts): Finding {
  const { workflow, lines, events, reservations, operations, balance, messages } = facts;
  const left = Object.entries({
    lines,
    events,
    reservations,
    operations,
    balances: balance === null ? [] : [balance],
    messages,
  }).flatMap(([name, rows]) => (rows.length === 0 ? [] : [name]));
  if (workflow === null && left.length === 0) return NOT_APPLICABLE;
  const problems: string[] = [];
  if (left.length > 0) problems.push(`there is no such order, but it has ${left.join(', ')}`);
  if (left.length === 0 && openExecutions(facts).length === 0) {
    problems.push(`it was accepted, its workflow is ${workflow?.status ?? 'unknown'}, and there is no order`);
  }
  return { checked: 1, problems };
}

/** I9: every row about an order has the order's tenant. */
export function checkTenants(facts: OrderFacts): Finding {
  const { order, events, cases, reservations, operations, balance, messages, workflow } = facts;
  const sources: Readonly<Record<string, readonly { readonly tenantId: string | null }[]>> = {
    'an event': events,
    'a case': cases,
    'a reservation': reservations,
    'a payment operation': operations,
    'the balance': balance === null ? [] : [balance],
    'a message': messages,
    'the workflow': workflow === null ? [] : [workflow],
  };
  const carried = Object.entries(sources).flatMap(([what, rows]) =>
    rows.flatMap(({ tenantId }) => (tenantId === null ? [] : [{ what, tenantId }])),
  );
  const owner = order?.tenantId ?? carried[0]?.tenantId;
  const strange = carried.filter(({ tenantId }) => tenantId !== owner);
  const problems = strange.map(({ what, tenantId }) => `${what} carries tenant ${tenantId}, the order ${owner}`);
  return { checked: owner === undefined ? 0 : 1, problems: [...new Set(problems)] };
}
