import type {
  OperatorAlert,
  OperatorAlertGroup,
  OperatorAlertKind,
  OperatorDigest,
} from '../../../src/domain/operator-alert.ts';
import type { Database, Statement } from '../../client.ts';

/** What operators are to be told by mail. */
export interface OperatorAlertRepository {
  /** Notes alerts; an alert that is known is left as it is. */
  note(alerts: readonly OperatorAlert[]): Promise<void>;
  /**
   * The mail that has to be sent now. A mail that was begun and that the server has not taken comes first. Else a new mail
   * tells of all alerts without a mail, if the last mail was begun at least `everySeconds` ago. Null when there is none.
   */
  claim(mailId: string, everySeconds: number): Promise<OperatorDigest | null>;
  /** Marks a mail as taken by the server, and forgets alerts whose mail is two days old. */
  recordSent(mailId: string): Promise<void>;
}

/** Alerts of one mail; more of them wait for the next one. The statement takes about a second for these. */
const ALERTS_PER_MAIL = 50_000;

/** Groups that a mail shows one by one. */
const GROUPS_PER_MAIL = 20;

const NOTE_ALERTS: Statement = {
  name: 'note_operator_alerts',
  text: `
INSERT INTO notifications.operator_alerts (event_id, kind, tenant_id, cause, case_id, count, at)
SELECT *
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[])
ON CONFLICT (event_id) DO NOTHING`,
};

const CLAIM_MAIL: Statement = {
  name: 'claim_operator_mail',
  text: `
WITH begun AS (
  SELECT mail_id FROM notifications.operator_alerts WHERE mail_id IS NOT NULL AND mailed_at IS NULL LIMIT 1
), claimed AS (
  UPDATE notifications.operator_alerts SET mail_id = $1, claimed_at = now()
  WHERE event_id IN (
    SELECT event_id FROM notifications.operator_alerts
    WHERE mail_id IS NULL AND mailed_at IS NULL ORDER BY at LIMIT $3 FOR UPDATE
  )
    AND NOT EXISTS (SELECT FROM begun)
    AND NOT EXISTS (
      SELECT FROM notifications.operator_alerts WHERE claimed_at > now() - $2::integer * interval '1 second'
    )
  RETURNING mail_id
)
SELECT mail_id AS "mailId" FROM begun UNION SELECT mail_id FROM claimed`,
};

const MAIL_GROUPS: Statement = {
  name: 'list_operator_mail_groups',
  text: `
SELECT kind, cause, tenant_id AS "tenantId", sum(count)::integer AS count, min(at) AS "firstAt",
  coalesce((array_agg(case_id ORDER BY at, case_id) FILTER (WHERE case_id IS NOT NULL))[1:5], '{}') AS "caseIds"
FROM notifications.operator_alerts WHERE mail_id = $1
GROUP BY kind, cause, tenant_id ORDER BY count DESC, kind, cause, tenant_id`,
};

const RECORD_SENT: Statement = {
  name: 'record_operator_mail_sent',
  text: `UPDATE notifications.operator_alerts SET mailed_at = now() WHERE mail_id = $1`,
};

const FORGET_SENT: Statement = {
  name: 'forget_operator_alerts',
  text: `
DELETE FROM notifications.operator_alerts
WHERE claimed_at < now() - interval '2 days' AND mailed_at < now() - interval '2 days'`,
};

export function createOperatorAlertRepository(db: Database): OperatorAlertRepository {
  return {
    note: async (alerts) => {
      if (alerts.length === 0) return;
      await db.run(NOTE_ALERTS, [
        alerts.map(({ eventId }) => eventId),
        alerts.map(({ kind }) => kind),
        alerts.map(({ tenantId }) => tenantId),
        alerts.map(({ cause }) => cause),
        alerts.map(({ caseId }) => caseId),
        alerts.map(({ count }) => count),
        alerts.map(({ at }) => at),
      ]);
    },
    claim: async (mailId, everySeconds) => {
      const [mail] = await db.run<{ mailId: string }>(CLAIM_MAIL, [mailId, everySeconds, ALERTS_PER_MAIL]);
      return mail === undefined ? null : digestOf(db, mail.mailId);
    },
    recordSent: async (mailId) => {
      await db.run(RECORD_SENT, [mailId]);
      await db.run(FORGET_SENT, []);
    },
  };
}

async function digestOf(db: Database, mailId: string): Promise<OperatorDigest> {
  const groups = await db.run<OperatorAlertGroup>(MAIL_GROUPS, [mailId]);
  const countOf = (wanted: OperatorAlertKind): number =>
    groups.filter(({ kind }) => kind === wanted).reduce((sum, { count }) => sum + count, 0);
  return {
    mailId,
    cases: countOf('case.opened'),
    events: countOf('event.failed'),
    groups: groups.slice(0, GROUPS_PER_MAIL),
    groupCount: groups.length,
  };
}
