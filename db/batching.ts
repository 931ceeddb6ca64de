import { shareSpans, traceContext } from '../src/runtime/tracing/spans.ts';

/** How calls are run together. */
export interface BatcherOptions<Call, Answer> {
  /** Answers all calls, at their index. */
  readonly run: (calls: readonly Call[]) => Promise<Answer[]>;
  /** How much a call counts for. A run takes calls until their weights reach `weightMax`, and at least one call. */
  readonly weightOf: (call: Call) => number;
  readonly weightMax: number;
  /** How many runs may go on at a time; calls that arrive meanwhile are gathered for the next run. */
  readonly runsMax: number;
}

interface Waiting<Call, Answer> {
  readonly call: Call;
  /** The caller's place in its trace. */
  readonly trace: ReturnType<typeof traceContext>;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Answers calls that arrive at about the same time with one run: the calls of one turn of the event loop, and all calls
 * that arrive while other runs go on. If a run fails, its calls are repeated one by one, so that no call fails because
 * of another one.
 */
export function createBatcher<Call, Answer>(options: BatcherOptions<Call, Answer>): (call: Call) => Promise<Answer> {
  const waiting: Waiting<Call, Answer>[] = [];
  let runs = 0;
  let isScheduled = false;
  const start = (): void => {
    isScheduled = false;
    while (waiting.length > 0 && runs < options.runsMax) {
      runs += 1;
      void runTogether(options.run, waiting.splice(0, countFitting(waiting, options))).finally(() => {
        runs -= 1;
        schedule();
      });
    }
  };
  const schedule = (): void => {
    if (isScheduled || waiting.length === 0 || runs >= options.runsMax) return;
    isScheduled = true;
    setImmediate(start);
  };
  return (call) =>
    new Promise((resolve, reject) => {
      waiting.push({ call, trace: traceContext(), resolve, reject });
      schedule();
    });
}

function countFitting<Call, Answer>(
  waiting: readonly Waiting<Call, Answer>[],
  { weightOf, weightMax }: BatcherOptions<Call, Answer>,
): number {
  let weight = 0;
  const end = waiting.findIndex(({ call }, index) => {
    weight += weightOf(call);
    return index > 0 && weight > weightMax;
  });
  return end === -1 ? waiting.length : end;
}

async function runTogether<Call, Answer>(
  run: BatcherOptions<Call, Answer>['run'],
  together: readonly Waiting<Call, Answer>[],
): Promise<void> {
  try {
    const callers = together.map(({ trace }) => trace);
    const answers = await shareSpans(callers, () => run(together.map(({ call }) => call)));
    if (answers.length !== together.length) throw new TypeError('a run did not answer every call');
    for (const [index, { resolve }] of together.entries()) resolve(answers[index] as Answer);
  } catch (error) {
    const [only] = together;
    if (together.length === 1) only?.reject(error);
    else for (const each of together) await runTogether(run, [each]);
  }
}

/**
 * A row of a statement that answers several calls at once. `ordinal` is the 1-based index of the call that the row
 * answers. (An index, because two owners of one partition may ask in the same statement.)
 */
export interface WithOrdinal {
  readonly ordinal: number;
}

/** Gives each call its rows, in the order of the rows. */
export function rowsByOrdinal<Row extends WithOrdinal>(calls: number, rows: readonly Row[]): Row[][] {
  const answers = Array.from({ length: calls }, (): Row[] => []);
  for (const row of rows) answers[row.ordinal - 1]?.push(row);
  return answers;
}
