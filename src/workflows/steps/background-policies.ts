/**
 * How the work beside the steps of orders is retried: messages, webhooks, notices of the provider, sweeps, redrives,
 * and the pumps of events. The steps of an order are in `step-policies.ts`.
 */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How long a redrive watches the cases that it has tried: a step's local try and the first regular attempts. */
export const REDRIVE_POLICY = {
  watchMs: 15 * SECOND,
  watchIntervalMs: 1 * SECOND,
  /** Cases of one redrive; further cases wait for the next one. */
  casesMax: 1_000,
  batch: 100,
  startToCloseTimeout: 10 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 10 * SECOND },
} as const;

/**
 * One attempt of a webhook: 10 s for the receiver, the rest for the rows. The activity names the waits between attempts
 * (WEBHOOK_RETRY_DELAYS_MS). The policy's own waits (1 s to 1 min, without a limit) are for attempts that could not
 * even look, because the delivery itself knows when to give up. After a bug the workflow tries again after a pause. A
 * new run after 200 rounds keeps histories short.
 */
export const WEBHOOK_POLICY = {
  attemptTimeoutMs: 20 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 1 * MINUTE },
  pauseMs: 5 * MINUTE,
  roundsPerRun: 200,
} as const;

/**
 * A delivery is started within milliseconds of its row. If nothing has touched it for a minute, it was lost between row
 * and signal; if its retry is 5 minutes overdue, its workflow was terminated.
 */
export const WEBHOOK_SWEEP_POLICY = {
  pendingSeconds: 60,
  overdueSeconds: 300,
  batch: 100,
  startToCloseTimeout: 10 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 10 * SECOND, maximumAttempts: 5 },
} as const;

/** Holds are swept in batches; each hold is its own transaction of a few milliseconds. */
export const SWEEP_POLICY = {
  batch: 200,
  startToCloseTimeout: 60 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 10 * SECOND, maximumAttempts: 5 },
} as const;

/**
 * A look at 1,000 orders takes seconds. Orders that look wrong while they move are looked at again for a minute, and the
 * rest of the time is for a slow database. A source that is away for longer than three attempts is left to the next run.
 */
export const AUDIT_POLICY = {
  startToCloseTimeout: 5 * MINUTE,
  retry: { initialInterval: 10 * SECOND, backoffCoefficient: 2, maximumAttempts: 3 },
} as const;

/**
 * A mail to at most 10 addresses takes 5 s each when the server hangs. A server that is away for longer than three
 * attempts is left to the next run, a minute later.
 */
export const OPERATOR_MAIL_POLICY = {
  startToCloseTimeout: 1 * MINUTE,
  retry: { initialInterval: 5 * SECOND, backoffCoefficient: 2, maximumAttempts: 3 },
} as const;

/**
 * A pump's activity ends by itself every 10 min, so that no history depends on one attempt for ever. It sends
 * heartbeats all the time (the SDK passes one on every 4.8 s), so a killed worker is noticed 6 s after its last
 * heartbeat. The next attempt comes 1 s later, so the takeover takes less than 10 s.
 */
export const EVENT_PUMP_POLICY = {
  roundMs: 10 * MINUTE,
  startToCloseTimeout: 11 * MINUTE,
  heartbeatTimeout: 6 * SECOND,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 1, maximumInterval: 1 * SECOND },
  /**
   * After a failure that no retry can fix, the pump waits for this time and tries again: the log must move as soon as
   * the failure is fixed.
   */
  pauseAfterFailureMs: 30 * SECOND,
  /** Rounds until the workflow continues as new: 17 hours and some 600 events of history. */
  rounds: 100,
} as const;

/** Opening and dropping days takes milliseconds; ids of a dropped day are deleted in batches. */
export const EVENT_MAINTENANCE_POLICY = {
  startToCloseTimeout: 5 * MINUTE,
  retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumInterval: 30 * SECOND, maximumAttempts: 20 },
} as const;

/**
 * A notice wakes the step that waits for the provider. While an attempt is under way that may have looked before the
 * event, the workflow looks again after these pauses; the sweep handles what is left. A notice that nothing explains is
 * judged again after the same pauses, because the books may only be behind; then a case opens.
 */
export const NOTICE_POLICY = {
  pausesMs: [500, 1 * SECOND, 2 * SECOND, 5 * SECOND],
  /** Waking is a hint: when it fails, the step follows its own schedule. */
  wake: {
    startToCloseTimeout: 10 * SECOND,
    retry: { initialInterval: 1 * SECOND, backoffCoefficient: 2, maximumAttempts: 3 },
  },
} as const;

/**
 * A message gets one quick local try (a healthy SMTP server takes 10-100 ms), then attempts 1 s, 2 s ... 5 min apart
 * for 24 hours: longer than most mail servers are down, and as long as a confirmation is of interest.
 */
export const NOTIFICATION_POLICY = {
  localTimeoutMs: 1_500,
  attemptTimeoutMs: 15 * SECOND,
  firstDelayMs: 1 * SECOND,
  backoff: 2,
  maxDelayMs: 5 * MINUTE,
  budgetMs: 24 * 60 * MINUTE,
} as const;
