import type { z } from 'zod';
import { actPage } from '../api/operations/audit-trail-schemas.ts';
import { reading, type ApiCommand } from './api-command.ts';
import { countOf } from './command-line.ts';
import { moreText } from './order-subcommands.ts';
import type { Tables } from './table.ts';

/** Commands about who did what. */
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
} satisfies Record<string, ApiCommand>;

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
