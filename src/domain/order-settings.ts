/** Collaborators whose steps may be moved out of the order worker. */
export const COLLABORATORS = ['payment', 'inventory', 'notification'] as const;
export type Collaborator = (typeof COLLABORATORS)[number];

/** Where a collaborator's steps run first: in the workflow's own worker, or on the collaborator's queue only. */
export const PLACEMENTS = ['local', 'queue'] as const;
export type Placement = (typeof PLACEMENTS)[number];
export type StepPlacement = Readonly<Record<Collaborator, Placement>>;

/** Limits of steps that replace those of the code, by the step's id. */
export type StepLimits = Readonly<Record<string, { readonly budgetMs?: number; readonly maxAttempts?: number }>>;

/** Settings that an order carries with it, so that a replay never depends on a worker's configuration. */
export interface OrderSettings {
  readonly placement: StepPlacement;
  /** How long the stock of an order that is not paid stays held. */
  readonly holdTtlSeconds: number;
  /** How long after its confirmation an order may be cancelled; absent in orders of earlier versions. */
  readonly cancelWindowSeconds?: number;
  /**
   * How long the payment provider keeps an authorization; absent in orders of earlier versions, which assume a week.
   */
  readonly authorizationSeconds?: number;
  /** Whether text messages are sent; absent in orders of earlier versions, and without a gateway. */
  readonly sendsTextMessages?: true;
  /**
   * Whether the fast path is one local activity; absent in orders of earlier versions, and when it is switched off.
   */
  readonly usesFastPath?: true;
  /** The public address of the console, for links in Temporal's Web UI; absent when it is not known. */
  readonly consoleUrl?: string;
  /** Absent in orders of earlier versions, and when the limits are those of the code. */
  readonly stepLimits?: StepLimits;
}

/** Orders stay in the hot tables for this time at least; the functions of the database refuse what is younger than 29. */
export const ARCHIVE_DAYS_MIN = 30;
