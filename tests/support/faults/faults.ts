import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo, type Info } from '@temporalio/activity';
import { toFailure } from '../../../src/activities/failure.ts';
import type { Activities } from '../../../src/activities/index.ts';

/** Names of the activities that can have faults. */
export type ActivityName = keyof Activities;

/** The answer type of each activity. */
type ActivityResults = { readonly [Name in ActivityName]: Awaited<ReturnType<Activities[Name]>> };

/** One call of an activity by a worker of this process. */
export interface ActivityCall {
  readonly orderId: string;
  readonly activity: ActivityName;
  /** Counted from 1 per order and activity, over attempts and reruns. */
  readonly number: number;
  /**
   * Counted like `number`, but a local try that is repeated, because its workflow task was lost on a busy machine, has
   * the number that it had.
   */
  readonly attempt: number;
  /** Whether the call is a try inside the workflow task, or else an attempt of a regular activity. */
  readonly local: boolean;
}

/**
 * Surrounds an activity: it lets the effect happen never, once or more often, then answers or throws. Its error reaches
 * Temporal like the activity's own errors (see activities/failure.ts).
 */
export type Fault<Name extends ActivityName = ActivityName> = (
  effect: () => Promise<ActivityResults[Name]>,
  call: ActivityCall & { readonly input: Parameters<Activities[Name]>[0] },
) => Promise<ActivityResults[Name]>;

/** The faults of one system under test, by order and activity, and the record of all calls. */
export interface Faults {
  /** For `startTestSystem({ wrapActivities })`. */
  wrap(this: void, activities: Activities): Activities;
  /** Faults stack: the last injected fault is the outermost. */
  inject<Name extends ActivityName>(orderId: string, activity: Name, fault: Fault<Name>): void;
  calls(orderId: string, activity?: ActivityName): readonly ActivityCall[];
  /** Resolves when no call is under way any more, including calls that their worker no longer waits for. */
  settled(): Promise<void>;
}

type AnyActivity = (input: {
  orderId?: string;
  order?: { orderId: string };
  command?: { orderId: string };
}) => Promise<unknown>;
type AnyFault = (effect: () => Promise<unknown>, call: ActivityCall & { readonly input: unknown }) => Promise<unknown>;

/** No activity has a fault until one is injected. */
export function createFaults(): Faults {
  const injected = new Map<string, AnyFault>();
  const calls: ActivityCall[] = [];
  const underWay = new Set<Promise<unknown>>();
  const callsOf = (orderId: string, activity?: ActivityName): ActivityCall[] =>
    calls.filter((call) => call.orderId === orderId && (activity === undefined || call.activity === activity));

  const attempts = new Map<string, unknown[]>();
  const attemptOf = (key: string, { isLocal, workflowExecution, activityId, attempt }: Info): number => {
    const known = attempts.get(key) ?? [];
    attempts.set(key, known);
    // An attempt of a regular activity is in the history, and never repeated.
    const name = isLocal ? `${workflowExecution?.runId} ${activityId} ${attempt}` : {};
    const index = known.indexOf(name);
    return index < 0 ? known.push(name) : index + 1;
  };

  const around = (activity: ActivityName, run: AnyActivity): AnyActivity => {
    return async (input) => {
      const orderId = input.orderId ?? input.order?.orderId ?? input.command?.orderId ?? '';
      const number = callsOf(orderId, activity).length + 1;
      const attempt = attemptOf(keyOf(orderId, activity), activityInfo());
      const call: ActivityCall = { orderId, activity, number, attempt, local: activityInfo().isLocal };
      calls.push(call);
      const fault = injected.get(keyOf(orderId, activity)) ?? untouched;
      const result = fault(() => run(input), { ...call, input });
      underWay.add(result);
      try {
        return await result;
      } catch (error) {
        throw toFailure(error);
      } finally {
        underWay.delete(result);
      }
    };
  };
  return {
    wrap: (activities) =>
      Object.fromEntries(
        Object.entries(activities).map(([name, run]) => [name, around(name as ActivityName, run as AnyActivity)]),
      ) as unknown as Activities,
    inject: (orderId, activity, fault) => {
      const inner = injected.get(keyOf(orderId, activity)) ?? untouched;
      const outer = fault as AnyFault;
      injected.set(keyOf(orderId, activity), (effect, call) => outer(() => inner(effect, call), call));
    },
    calls: callsOf,
    settled: async () => {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

/** The first `times` attempts fail before they have any effect. */
export function failBefore<Name extends ActivityName>(error: Error, times = 1): Fault<Name> {
  return async (effect, { attempt }) => {
    if (attempt <= times) throw error;
    return effect();
  };
}

/** The first `times` attempts have their effect and then fail: the reply is lost. */
export function failAfter<Name extends ActivityName>(error: Error, times = 1): Fault<Name> {
  return async (effect, { attempt }) => {
    const result = await effect();
    if (attempt <= times) throw error;
    return result;
  };
}

/** The first call has its effect only after a pause, when its worker may have abandoned it. */
export function lateEffect<Name extends ActivityName>(delayMs: number): Fault<Name> {
  return async (effect, { number }) => {
    if (number === 1) await sleep(delayMs);
    return effect();
  };
}

/** The first call has its effect at once, and answers only after a pause. */
export function lateAnswer<Name extends ActivityName>(delayMs: number): Fault<Name> {
  return async (effect, { number }) => {
    const result = await effect();
    if (number === 1) await sleep(delayMs);
    return result;
  };
}

/** Every call has its effect twice, one after the other; the second answer counts. */
export function twice<Name extends ActivityName>(): Fault<Name> {
  return async (effect) => {
    await effect();
    return effect();
  };
}

/** Every call has its effect two times at once; it fails only if both fail. */
export function twiceAtOnce<Name extends ActivityName>(): Fault<Name> {
  return async (effect) => {
    const [first, second] = await Promise.allSettled([effect(), effect()]);
    if (second.status === 'fulfilled') return second.value;
    if (first.status === 'fulfilled') return first.value;
    throw first.reason;
  };
}

/** Lets the first call act right after its effect, before its worker gets the answer. */
export function afterEffect<Name extends ActivityName>(act: (call: ActivityCall) => Promise<void>): Fault<Name> {
  return async (effect, call) => {
    const result = await effect();
    if (call.number === 1) await act(call);
    return result;
  };
}

/** Every call has its effect, and gives its worker another answer. */
function answerOtherwise<Name extends ActivityName>(answer: ActivityResults[Name]): Fault<Name> {
  return async (effect) => {
    await effect();
    return answer;
  };
}

/** The order is charged and given up all the same, so that there is a payment to undo. */
export function givenUp(): Fault<'takePayment'> {
  return answerOtherwise({ kind: 'declined', declineCode: 'given_up', soft: false });
}

function untouched(effect: () => Promise<unknown>): Promise<unknown> {
  return effect();
}

function keyOf(orderId: string, activity: ActivityName): string {
  return `${orderId} ${activity}`;
}
