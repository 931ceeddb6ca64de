/** What operators are told of by mail. */
export const OPERATOR_ALERT_KINDS = ['case.opened', 'event.failed'] as const;
export type OperatorAlertKind = (typeof OPERATOR_ALERT_KINDS)[number];

/** Something that waits for a person. */
export interface OperatorAlert {
  /** The id of the event that tells of it, in the log. */
  readonly eventId: string;
  readonly kind: OperatorAlertKind;
  readonly tenantId: string;
  /** Step and code of a case, or consumer and code of an event. */
  readonly cause: string;
  /** Null for an event, because clients choose the ids of events. */
  readonly caseId: string | null;
  /** Events that it stands for; 1 for a case. */
  readonly count: number;
  readonly at: Date;
}

/** Alerts with the same kind, cause and tenant, in one mail. */
export interface OperatorAlertGroup extends Pick<OperatorAlert, 'kind' | 'cause' | 'tenantId'> {
  readonly count: number;
  readonly firstAt: Date;
  /** The first few cases. */
  readonly caseIds: readonly string[];
}

/** What one mail to operators tells. */
export interface OperatorDigest {
  /** Also part of the Message-ID: the same for every attempt. */
  readonly mailId: string;
  readonly cases: number;
  readonly events: number;
  /** The largest groups. */
  readonly groups: readonly OperatorAlertGroup[];
  /** How many groups there are in all. */
  readonly groupCount: number;
}
