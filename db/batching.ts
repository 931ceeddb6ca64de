/** How calls are run together. */
export interface GatheringOptions<Call, Answer> {
  /** Answers all calls, at their index. */
  readonly run: (calls: readonly Call[]) => Promise<Answer[]>;
  /** What a call counts for; a run takes calls up to `weightMax`, at least one. */
  readonly weightOf: (call: Call) => number;
  readonly weightMax: number;
  /** Runs at a time; what comes meanwhile is gathered for the next one. */
  readonly runsMax: number;
}

interface Waiting<Call, Answer> {
  readonly call: Call;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes one run of the calls that come at about the same time: those of one turn of the event loop, and those that come
 * while others run. A run that fails is repeated call by call, so that nobody fails for another one's sake.
 */
export function createGathering<Call, Answer>(
  options: GatheringOptions<Call, Answer>,
): (call: Call) => Promise<Answer> {
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
      waiting.push({ call, resolve, reject });
      schedule();
    });
}

function countFitting<Call, Answer>(
  waiting: readonly Waiting<Call, Answer>[],
  { weightOf, weightMax }: GatheringOptions<Call, Answer>,
): number {
  let weight = 0;
  const end = waiting.findIndex(({ call }, index) => {
    weight += weightOf(call);
    return index > 0 && weight > weightMax;
  });
  return end === -1 ? waiting.length : end;
}

async function runTogether<Call, Answer>(
  run: GatheringOptions<Call, Answer>['run'],
  together: readonly Waiting<Call, Answer>[],
): Promise<void> {
  try {
    const answers = await run(together.map(({ call }) => call));
    if (answers.length !== together.length) throw new TypeError('a run did not answer every call');
    for (const [index, { resolve }] of together.entries()) resolve(answers[index] as Answer);
  } catch (error) {
    const [only] = together;
    if (together.length === 1) only?.reject(error);
    else for (const each of together) await runTogether(run, [each]);
  }
}

/**
 * A row of a statement that answers several calls at once: which of them it belongs to, from 1. Not by what it is about:
 * a pump's owner and his successor may ask in one statement.
 */
export interface Placed {
  readonly place: number;
}

/** Gives each of so many calls its rows, in their order. */
export function rowsByPlace<Row extends Placed>(calls: number, rows: readonly Row[]): Row[][] {
  const answers = Array.from({ length: calls }, (): Row[] => []);
  for (const row of rows) answers[row.place - 1]?.push(row);
  return answers;
}
