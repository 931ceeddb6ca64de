import { LOG_FIELDS } from '../../src/domain/log-fields.ts';
import { renderTable } from '../markdown-table.ts';

/** `docs/logs.md`, made from the list of fields. */
export function renderLogReference(): string {
  return `# Logs

<!-- Made by \`npm run docs\` from src/domain/log-fields.ts, tools/references/log-reference.ts. -->

Logs are JSON lines on standard output. \`LOG_LEVEL\` sets the lowest level that is written. \`LOG_FORMAT=pretty\` writes
lines for people instead. A line that cannot be written is dropped, and \`log_lines_dropped_total\` counts it. No line
contains a name, an address, a card, a free text of a person or the query of a request.

\`correlationId\` finds every line that follows from one request, in all processes, and \`orderId\` all lines of an order.
\`traceId\` leads from a line to its trace at the collector, and back; a line has it when its trace is recorded.

## Messages

\`msg\` is a constant text, so that lines of one kind can be counted; what differs is in the fields.

${renderTable(
  ['msg', 'Level', 'When'],
  LOG_MESSAGES.map(([message, level, when]) => [`\`${message}\``, level, when]),
)}

A line costs 4 µs; \`LOG_REQUESTS=false\` turns the lines of requests off. Behind proxies of your own set
\`TRUSTED_HOPS\`, or all callers count as one network.

## Fields

Each field has one spelling everywhere; the compiler refuses any other name.

${renderTable(
  ['Field', 'What'],
  Object.entries(LOG_FIELDS).map(([field, what]) => [`\`${field}\``, what]),
)}
`;
}

/** Messages that a search starts from. */
const LOG_MESSAGES: readonly (readonly [message: string, level: string, when: string])[] = [
  ['request', 'info; warn from status 400, error from 500', 'each request; probes that succeed only at debug'],
  [
    'refused',
    'warn',
    'a request without a good token, signature or scope, or too much at once; ten lines in 10 s, the rest in `unlogged`',
  ],
  ['order', 'info', 'each status that an order enters; a rejection with its `reason`'],
  ['event', 'info; warn for a failure', 'each failed try of an event, and one in 100 that succeeded'],
  [
    'the audit found a broken rule',
    'error',
    'the scheduled audit found one; `orderId` or `subject`, and the invariant as `reason`',
  ],
  ['a mail to operators was refused', 'error', 'the mail server takes no mail for an address of `OPERATOR_MAIL_TO`'],
  ['activity failed unexpectedly', 'error', 'a bug in a step, with its stack'],
  ['the circuit breaker opened', 'warn', 'a provider fails so often that calls are kept back'],
];
