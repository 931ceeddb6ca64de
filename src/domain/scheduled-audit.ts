/** How many orders a run of the scheduled audit looks at. */
export interface AuditPartInput {
  readonly ordersMax: number;
}

/** One broken rule; the message has ids and amounts only. */
export interface AuditFinding {
  readonly invariant: string;
  readonly subject: string;
  readonly message: string;
}

/** The result of a run of the scheduled audit. */
export interface AuditedPart {
  readonly orders: number;
  /** SKUs whose stock was compared with its movements; absent in results of earlier versions. */
  readonly skus?: number;
  /** The number of findings by invariant; an invariant that holds is absent. */
  readonly violations: Readonly<Record<string, number>>;
  /** The first findings. */
  readonly findings: readonly AuditFinding[];
}
