import { isCancellation } from '@temporalio/workflow';

/** One step in the result of a workflow, for people who look at it in the Web UI. It holds no personal data. */
export interface StepReport {
  readonly step: string;
  /** When its first try began, RFC 3339. A step of the fast path has the time of its worker. */
  readonly startedAt: string;
  /** From the first try to the outcome, with all waits. */
  readonly durationMs: number;
  /** All tries, the local one included. */
  readonly attempts: number;
  /** What the step answered, for example `held`, `captured` or `declined`; `done` for a step without an answer. */
  readonly outcome: string;
  /** The code of the last failure that the workflow has seen; absent when there was none. */
  readonly lastFailure?: string;
  /** How often the step was parked; absent when it never was. */
  readonly parked?: number;
}

/** The steps of a workflow in its result, in the order in which they began. */
export interface ListedSteps {
  readonly steps: readonly StepReport[];
  /** How many were left out because there were too many; absent when there were not. */
  readonly stepsLeftOut?: number;
}

/** Collects the steps of a workflow. */
export interface StepReports {
  begin(step: string, tried?: TimedTry): StepInProgress;
  /** The steps that have ended. */
  listed(): ListedSteps;
}

/** A try that was made before the workflow came to the step: its start in milliseconds since 1970, and its length. */
export interface TimedTry {
  readonly startedAtMs?: number;
  readonly durationMs?: number;
}

/** A step that has begun. */
export interface StepInProgress {
  /** Counts tries; `failure` is the code of the last one when it failed. */
  tried(attempts: number, failure?: string): void;
  parked(): void;
  /** Called once, with the answer of the step. */
  answered(answer: unknown): void;
  /** Called once, with what the step has thrown. */
  threw(error: unknown): void;
}

/**
 * The first and the last steps are kept, each up to this number: an order that waits for its capture looks at its row
 * 150 times, and a result must stay readable.
 */
const KEPT = { first: 40, last: 40 } as const;

export function createStepReports(): StepReports {
  const begun: { report: StepReport | null }[] = [];
  let leftOut = 0;
  return {
    begin: (step, tried = {}) => {
      const place: { report: StepReport | null } = { report: null };
      begun.push(place);
      if (begun.length > KEPT.first + KEPT.last) {
        begun.splice(KEPT.first, 1);
        leftOut += 1;
      }
      return follow(step, tried, (report) => (place.report = report));
    },
    listed: () => {
      const steps = begun.flatMap(({ report }) => (report === null ? [] : [report]));
      return leftOut === 0 ? { steps } : { steps, stepsLeftOut: leftOut };
    },
  };
}

function follow(
  step: string,
  { startedAtMs = Date.now(), durationMs = 0 }: TimedTry,
  end: (report: StepReport) => void,
): StepInProgress {
  const begunAtMs = Date.now();
  let attempts = 0;
  let parked = 0;
  let lastFailure: string | undefined;
  const ended = (outcome: string): void =>
    end({
      step,
      startedAt: new Date(startedAtMs).toISOString(),
      durationMs: durationMs + Date.now() - begunAtMs,
      attempts,
      outcome,
      ...(lastFailure === undefined ? {} : { lastFailure }),
      ...(parked === 0 ? {} : { parked }),
    });
  return {
    tried: (more, failure) => {
      attempts += more;
      lastFailure = failure ?? lastFailure;
    },
    parked: () => {
      parked += 1;
    },
    answered: (answer) => ended(outcomeOf(answer)),
    threw: (error) => ended(isCancellation(error) ? 'interrupted' : error instanceof Error ? error.name : 'failed'),
  };
}

/** The words by which an answer says what happened; the first that it has. */
const WORDS = ['kind', 'decision', 'reason', 'status'] as const;

function outcomeOf(answer: unknown): string {
  const fields = typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>) : {};
  const word = WORDS.map((name) => fields[name]).find((value) => typeof value === 'string');
  return typeof word === 'string' ? word : 'done';
}
