import {
  defaultPayloadConverter,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionStatusName,
} from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import { describeWorkflow, ifKnown } from '../calls.ts';

/** The result of an activity, local or not, in a workflow's history. */
export interface PastResult {
  readonly activity: string;
  readonly result: unknown;
  readonly at: Date;
}

/** A signal or an Update that the workflow has received. */
export interface PastMessage {
  readonly name: string;
  readonly args: readonly unknown[];
  /** The answer to an Update; undefined for a signal, and for an Update without an answer. */
  readonly answer: unknown;
}

/** What the newest run of a workflow has done, by its history. Its messages include those of the runs before a reset. */
export interface WorkflowPast {
  readonly workflowId: string;
  readonly runId: string;
  readonly firstRunId: string;
  readonly type: string;
  readonly status: WorkflowExecutionStatusName;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly input: unknown;
  /** What a completed workflow has returned; undefined otherwise. */
  readonly result: unknown;
  readonly startedAt: Date;
  readonly lastEventAt: Date;
  readonly results: readonly PastResult[];
  readonly messages: readonly PastMessage[];
  /** The end of the first workflow task, to which a reset goes; null while no task has ended. */
  readonly firstTaskEnd: HistoryEvent['eventId'] | null;
  /** The run from which a reset made this one, and why; null when none did. */
  readonly reset: { readonly baseRunId: string; readonly reason: string } | null;
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];
type Payloads = NonNullable<NonNullable<HistoryEvent['workflowExecutionStartedEventAttributes']>['input']>;

/** More runs than an order is ever reset to; older ones are not read. */
const RUNS_MAX = 10;

/** Reads the newest run of a workflow; null when Temporal does not know the workflow. */
export async function readWorkflowPast(client: Client, workflowId: string): Promise<WorkflowPast | null> {
  const found = await describeWorkflow(client, workflowId);
  if (found === null) return null;
  const decoder = createDecoder(client);
  const past = await pastOf(decoder, found, await eventsOf(client, found));
  const earlier: PastMessage[] = [];
  for (let { reset } = past, runs = 1; reset !== null && runs < RUNS_MAX; runs += 1) {
    const events = await ifKnown(eventsOf(client, { workflowId, runId: reset.baseRunId }));
    if (events === null) break;
    earlier.unshift(...(await messagesOf(decoder, events)));
    reset = resetOf(events);
  }
  return { ...past, messages: [...earlier, ...past.messages] };
}

type RunId = Pick<WorkflowPast, 'workflowId' | 'runId'>;

async function eventsOf(client: Client, { workflowId, runId }: RunId): Promise<readonly HistoryEvent[]> {
  return (await client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
}

function resetOf(events: readonly HistoryEvent[]): WorkflowPast['reset'] {
  // A reset of a run that a reset has made keeps the mark of the earlier one before its own.
  const failed = events.findLast(({ workflowTaskFailedEventAttributes: each }) => (each?.baseRunId ?? '') !== '');
  const { baseRunId, failure } = failed?.workflowTaskFailedEventAttributes ?? {};
  return baseRunId == null ? null : { baseRunId, reason: failure?.message ?? '' };
}

interface Decoder {
  all(payloads: Payloads | null | undefined): Promise<unknown[]>;
  first(payloads: Payloads | null | undefined): Promise<unknown>;
}

function createDecoder({ options: { loadedDataConverter } }: Client): Decoder {
  const all: Decoder['all'] = (payloads) => decodeArrayFromPayloads(loadedDataConverter, payloads?.payloads);
  return { all, first: async (payloads) => (await all(payloads))[0] };
}

async function pastOf(
  decoder: Decoder,
  { workflowId, runId, type, status, memo, startTime }: WorkflowExecutionDescription,
  events: readonly HistoryEvent[],
): Promise<WorkflowPast> {
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const completed = events.at(-1)?.workflowExecutionCompletedEventAttributes;
  const firstEnd = events.find(({ workflowTaskCompletedEventAttributes: ended }) => ended != null);
  return {
    workflowId,
    runId,
    firstRunId: started?.firstExecutionRunId ?? runId,
    type,
    status: status.name,
    memo: memo ?? {},
    input: await decoder.first(started?.input),
    result: await decoder.first(completed?.result),
    startedAt: startTime,
    lastEventAt: instantOf(events.at(-1)),
    results: await resultsOf(decoder, events),
    messages: await messagesOf(decoder, events),
    firstTaskEnd: firstEnd?.eventId ?? null,
    reset: resetOf(events),
  };
}

function instantOf(event: HistoryEvent | undefined): Date {
  const { seconds, nanos } = event?.eventTime ?? {};
  return new Date(Number(seconds ?? 0) * 1_000 + Math.floor((nanos ?? 0) / 1e6));
}

/** How the SDK's core writes the result of a local activity into the history. */
const LOCAL_ACTIVITY = 'core_local_activity';

async function resultsOf(decoder: Decoder, events: readonly HistoryEvent[]): Promise<PastResult[]> {
  const scheduled = new Map<string, string>();
  const results: PastResult[] = [];
  for (const event of events) {
    const { activityTaskScheduledEventAttributes: asked, activityTaskCompletedEventAttributes: done } = event;
    if (asked?.activityType != null) scheduled.set(String(event.eventId), asked.activityType.name ?? '');
    if (done != null) {
      const activity = scheduled.get(String(done.scheduledEventId)) ?? '';
      results.push({ activity, result: await decoder.first(done.result), at: instantOf(event) });
    }
    const local = await localResultOf(decoder, event);
    if (local !== null) results.push(local);
  }
  return results;
}

async function localResultOf(decoder: Decoder, event: HistoryEvent): Promise<PastResult | null> {
  const { markerRecordedEventAttributes: marker } = event;
  if (marker?.markerName !== LOCAL_ACTIVITY || marker.failure != null) return null;
  const { data, result } = marker.details ?? {};
  const [payload] = data?.payloads ?? [];
  if (payload === undefined) return null;
  // The core writes this payload after the codec, so it is never sealed.
  const { activity_type: activity = '' } = defaultPayloadConverter.fromPayload<{ activity_type?: string }>(payload);
  return { activity, result: await decoder.first(result), at: instantOf(event) };
}

async function messagesOf(decoder: Decoder, events: readonly HistoryEvent[]): Promise<PastMessage[]> {
  const answers = new Map<string, unknown>();
  for (const { workflowExecutionUpdateCompletedEventAttributes: done } of events) {
    if (done != null) answers.set(String(done.acceptedEventId), await decoder.first(done.outcome?.success));
  }
  const messages: PastMessage[] = [];
  for (const event of events) {
    const { workflowExecutionSignaledEventAttributes: signal } = event;
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input;
    if (signal != null) {
      messages.push({ name: signal.signalName ?? '', args: await decoder.all(signal.input), answer: undefined });
    }
    if (update != null) {
      const answer = answers.get(String(event.eventId));
      messages.push({ name: update.name ?? '', args: await decoder.all(update.args), answer });
    }
  }
  return messages;
}
