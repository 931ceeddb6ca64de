import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { casePage, caseView, redriveView, resolvedCaseView } from '../api/cases/case-schemas.ts';
import { DESK_ACTIONS } from '../domain/case.ts';
import { ApiProblemError } from './api-client.ts';
import { changing, reading, type ApiCommand, type ApiTools } from './api-command.ts';
import { countOf, required, UsageError, type Options } from './command-line.ts';
import { moreText } from './order-subcommands.ts';
import { amountText, type Tables } from './table.ts';

type Case = z.output<typeof caseView>;
type Redrive = z.output<typeof redriveView>;

/** Commands about parked orders. */
export const CASE_COMMANDS = {
  cases: reading(
    {
      usage: 'cases [--state open|resolved] [--step S] [--error CODE] [--fingerprint F] [--limit N] [--cursor C]',
      summary: 'cases, newest first',
      subject: null,
      options: ['state', 'step', 'error', 'fingerprint', 'limit', 'cursor'],
    },
    async ({ api, options, show }) => {
      const { state, step, error: errorCode, fingerprint, cursor } = options;
      const query = { state, step, errorCode, fingerprint, limit: countOf(options, 'limit'), cursor };
      show(await api.get('/v1/cases', query), casePage, pageText);
    },
  ),
  case: reading({ usage: 'case ID', summary: 'one case, what can be done about it', subject: 'ID' }, async (tools) => {
    tools.show(await tools.api.get(pathOf(tools)), caseView, caseText);
  }),
  resolve: changing(
    {
      usage: `resolve CASE --action ${DESK_ACTIONS.join('|')} [--method M] [--evidence E] --reason R [--version N]`,
      summary: 'decide what happens with a parked order',
      subject: 'CASE',
      options: ['action', 'method', 'evidence', 'reason', 'version'],
    },
    resolve,
  ),
  redrive: {
    kind: 'api',
    usage: 'redrive FINGERPRINT [--canary N] [--max-per-second N] [--reason R] [--watch]',
    summary: 'try the parked orders of one cause again; --watch follows it to its end',
    subject: 'FINGERPRINT',
    options: ['canary', 'max-per-second', 'reason', 'watch', 'key', 'token'],
    run: redrive,
  },
} satisfies Record<string, ApiCommand>;

function pathOf({ subject }: ApiTools, rest = ''): string {
  return `/v1/cases/${encodeURIComponent(subject)}${rest}`;
}

async function resolve(tools: ApiTools): Promise<void> {
  const { api, key, options, show } = tools;
  const decision = decisionOf(options);
  // Without a given version an operator decides about the present state of the case.
  const version = countOf(options, 'version') ?? caseView.parse(await api.get(pathOf(tools))).version;
  const answer = await api.post(pathOf(tools, '/resolve'), key, { ...decision, version });
  show(answer, resolvedCaseView, (resolved, { fields }) =>
    fields([
      ['outcome', resolved.outcome],
      ['case', resolved.case.id],
      ['order', resolved.case.orderId],
      ['step', resolved.case.step],
      ['state', resolved.case.state],
      ['version', resolved.case.version],
      ['key', key],
    ]),
  );
}

function decisionOf(options: Options) {
  const action = required(options, 'action');
  if (!DESK_ACTIONS.some((known) => known === action)) throw new UsageError(`there is no action "${action}"`);
  const { method, evidence } = options;
  return {
    action,
    reason: required(options, 'reason'),
    ...(action === 'retryWith' || method !== undefined ? { patch: { method: required(options, 'method') } } : {}),
    ...(action === 'forceResolve' || evidence !== undefined ? { evidence: required(options, 'evidence') } : {}),
  };
}

/** Pause between two looks at a redrive, which looks at its cases at the same rate. */
const WATCH_INTERVAL_MS = 1_000;

async function redrive({ api, key, options, subject: fingerprint, show, tell }: ApiTools): Promise<number> {
  const body = {
    fingerprint,
    canary: countOf(options, 'canary'),
    maxPerSecond: countOf(options, 'max-per-second'),
    reason: options.reason,
  };
  let answer = await api.post('/v1/cases/redrive', key, body);
  let progress = redriveView.parse(answer);
  while (options.watch === true && progress.state !== 'done' && progress.state !== 'stopped') {
    await sleep(WATCH_INTERVAL_MS);
    answer = await look(api, progress.id, answer);
    const seen = redriveView.parse(answer);
    if (progressText(seen) !== progressText(progress)) tell(progressText(seen));
    progress = seen;
  }
  show(answer, redriveView, ({ id, url }, { fields }) =>
    fields([
      ['redrive', id],
      ['progress', progressText(progress)],
      ['workflow', url],
      ['key', key],
    ]),
  );
  return progress.state === 'stopped' ? 1 : 0;
}

/** If no worker reports about a redrive right now, it is asked again. */
async function look(api: ApiTools['api'], id: string, before: unknown): Promise<unknown> {
  try {
    return await api.get(`/v1/cases/redrives/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error instanceof ApiProblemError && error.code === 'unavailable') return before;
    throw error;
  }
}

function progressText({ state, tried, resolved, failedAgain }: Redrive): string {
  return `${state}: ${tried} tried, ${resolved} resolved, ${failedAgain} failed again`;
}

function pageText({ items, nextCursor }: z.output<typeof casePage>, { table }: Tables): string {
  const rows = items.map(({ id, state, orderId, fingerprint, attempts, lastSeenAt, actions }) => [
    id,
    state,
    orderId,
    fingerprint,
    attempts,
    lastSeenAt,
    actions.join(' '),
  ]);
  const header = ['case', 'state', 'order', 'fingerprint', 'attempts', 'last seen', 'actions'];
  return table(header, rows) + moreText(nextCursor);
}

function mismatchText({ mismatch, currency }: Case): string | null {
  if (mismatch === null) return null;
  const { field, expected, found } = mismatch;
  const text = (value: string | number | null): string =>
    typeof value === 'number' && currency !== null
      ? (amountText(value, currency) ?? '')
      : (value ?? 'nothing').toString();
  return `the provider says ${field} ${text(found)} where ${text(expected)} was asked for`;
}

function caseText(found: Case, { fields }: Tables): string {
  const { proposal } = found;
  return fields([
    ['case', found.id],
    ['state', found.state],
    ['resolution', found.resolution],
    ['order', found.orderId],
    ['step', found.step],
    ['error', found.errorCode],
    ['message', found.message],
    ['fingerprint', found.fingerprint],
    ['amount', found.currency && amountText(found.amountMinor, found.currency)],
    ['mismatch', mismatchText(found)],
    ['attempts', found.attempts],
    ['input', JSON.stringify(found.input)],
    ['opened', found.openedAt],
    ['last seen', found.lastSeenAt],
    ['owner', found.owner],
    ['proposal', proposal && `${proposal.actor} proposed it by ${proposal.evidence}; another person must approve`],
    ['version', found.version],
    ['actions', found.actions.join(' ')],
    ['workflow', found.workflow.url],
  ]);
}
