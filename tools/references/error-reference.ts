import { RETRY_CLASSES } from '../../src/activities/failure.ts';
import { PROBLEMS } from '../../src/api/http/problem.ts';
import { FAILURE_CODES } from '../../src/domain/errors.ts';
import { EVENT_FAILURE_CODES } from '../../src/domain/event.ts';
import { EVENT_FAILURES } from '../../src/events/event-failure.ts';
import { FAILURE_ADVICE, RETRY_CLASS_EFFECTS } from '../failure-advice.ts';
import { renderTable } from '../markdown-table.ts';

/** `docs/errors.md`, made from the code's own tables. */
export function renderErrorReference(): string {
  return `# Errors

<!-- Made by \`npm run docs\` from src/api/http/problem.ts, src/activities/failure.ts, src/events/event-failure.ts, tools/failure-advice.ts. -->

## What the API answers

Every answer that is not a success is \`application/problem+json\` with \`type\`, \`title\`, \`status\`, \`detail\`, \`code\`,
\`requestId\` and \`errors\` (\`pointer\`, \`detail\`). Programs use \`code\`, people read \`detail\`, and \`requestId\`
finds the request in the logs. A request that was answered with 4xx has changed nothing. After a 5xx, or no answer at
all, repeat the request with the same \`Idempotency-Key\`: it acts once.

${renderTable(['Code', 'Status', 'Cause', 'What to do'], problemRows())}

## What can go wrong on the way of an order

A case shows one of these codes as \`errorCode\`, a pending activity in the Temporal Web UI shows it as the type of its
last failure. A case is resumed in place by
\`temporal workflow signal --workflow-id order/ORDER_ID --name resumeOrder\`.

${renderTable(
  ['Class', 'What happens'],
  Object.entries(RETRY_CLASS_EFFECTS).map(([name, effect]) => [`\`${name}\``, effect]),
)}

${renderTable(['Code', 'Class', 'Cause', 'What to check'], failureRows())}

## Why an event failed

\`error.code\` of an event and \`errorCode\` of the failed list ([events.md](events.md)). A failure that may pass is tried
again after 2, 4 and 8 s before the event is given up; after any other failure it is given up at once.

${renderTable(['Code', 'Tried again', 'Cause', 'What to do'], eventFailureRows())}
`;
}

function problemRows(): string[][] {
  return Object.entries(PROBLEMS).map(([code, { status, cause, advice }]) => [
    `\`${code}\``,
    String(status),
    cause,
    advice,
  ]);
}

function failureRows(): string[][] {
  return FAILURE_CODES.map((code) => {
    const { cause, check } = FAILURE_ADVICE[code];
    return [`\`${code}\``, `\`${RETRY_CLASSES[code]}\``, cause, check];
  });
}

function eventFailureRows(): string[][] {
  return EVENT_FAILURE_CODES.map((code) => {
    const { isTransient, cause, advice } = EVENT_FAILURES[code];
    return [`\`${code}\``, isTransient ? 'yes' : 'no', cause, advice];
  });
}
