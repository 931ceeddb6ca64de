import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { actPage } from '../api/operations/audit-trail-schemas.ts';
import { erasureView } from '../api/orders/erasure-schemas.ts';
import { reading, type ApiCommand, type ApiTools } from './api-command.ts';
import { countOf, required, UsageError } from './command-line.ts';
import { moreText } from './order-subcommands.ts';
import type { Tables } from './table.ts';

/** Commands about who did what, and about people who want to be forgotten. */
export const DATA_PROTECTION_COMMANDS = {
  acts: reading(
    {
      usage: 'acts [--actor A] [--action X] [--subject THING] [--from T] [--to T] [--limit N] [--cursor C]',
      summary: 'the audit trail, newest first: who placed, commanded or decided what, and what came of it',
      subject: null,
      options: ['actor', 'action', 'subject', 'from', 'to', 'limit', 'cursor'],
    },
    async ({ api, options, show }) => {
      const { actor, action, subject, from, to, cursor } = options;
      const query = { actor, action, subject, from, to, limit: countOf(options, 'limit'), cursor };
      show(await api.get('/v1/audit/actions', query), actPage, actsText);
    },
  ),
  erase: {
    kind: 'api',
    usage: 'erase CUSTOMER --reason R [--subject S]',
    summary: "take a customer out of all orders at rest; S: the subject of the customer's tokens, if it is not the id",
    subject: 'CUSTOMER',
    options: ['reason', 'subject', 'key', 'token'],
    run: (tools) => eraseAll(tools, [{ customerId: tools.subject, subject: tools.options.subject }]),
  },
  'erase-list': {
    kind: 'api',
    usage: 'erase-list FILE --reason R',
    summary:
      'after a restore: erase the customers of a file, an id a line, a tab before the subject; - reads standard input',
    subject: 'FILE',
    options: ['reason', 'key', 'token'],
    run: async (tools) => eraseAll(tools, await readCustomers(tools.subject)),
  },
} satisfies Record<string, ApiCommand>;

interface Customer {
  readonly customerId: string;
  readonly subject: string | undefined;
}

const erasedView = erasureView.extend({ customerId: z.string() });

/**
 * Erases one customer after the other.
 * @returns 1 when an order still has one of them.
 */
async function eraseAll({ api, key, options, show, tell }: ApiTools, customers: readonly Customer[]): Promise<number> {
  const reason = required(options, 'reason');
  const erased: z.output<typeof erasedView>[] = [];
  for (const [index, { customerId, subject }] of customers.entries()) {
    const body = { customerId, subject, reason };
    const answer = await api.post('/v1/customers/erasures', customers.length === 1 ? key : `${key}.${index}`, body);
    erased.push({ customerId, ...erasureView.parse(answer) });
  }
  show(erased, z.array(erasedView), (rows, { table }) =>
    table(
      ['customer', 'erased from', 'left', 'pseudonym'],
      rows.map((row) => [row.customerId, row.erased, row.left, row.pseudonym]),
    ),
  );
  const left = erased.reduce((sum, each) => sum + each.left, 0);
  if (left > 0) tell(`${left} order(s) are under way, or are too many for once: give the command again later.`);
  return left > 0 ? 1 : 0;
}

async function readCustomers(file: string): Promise<Customer[]> {
  const input = file === '-' ? process.stdin : createReadStream(file, 'utf8');
  const customers: Customer[] = [];
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const [customerId = '', subject] = line.split('\t');
    if (customerId !== '') customers.push({ customerId, subject });
  }
  if (customers.length === 0) throw new UsageError(`${file} names no customer`);
  return customers;
}

function actsText({ items, nextCursor }: z.output<typeof actPage>, { table }: Tables): string {
  const rows = items.map((act) => [
    act.at,
    act.actor,
    act.action,
    act.subject,
    act.status,
    act.outcome ?? (act.counts === null ? null : JSON.stringify(act.counts)),
    act.reason,
    act.requestId ?? act.correlationId,
  ]);
  const header = ['at', 'who', 'what', 'about', 'status', 'outcome', 'why', 'request'];
  return table(header, rows) + moreText(nextCursor);
}
