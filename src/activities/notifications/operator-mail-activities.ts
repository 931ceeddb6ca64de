import { log } from '@temporalio/activity';
import type { OperatorAlertRepository } from '../../../db/repositories/notifications/operator-alert-repository.ts';
import { MailRejectedError } from '../../domain/errors.ts';
import { randomId } from '../../domain/ids.ts';
import type { LogFields } from '../../domain/log-fields.ts';
import type { Mail, MailGateway } from '../../gateways/mail-gateway.ts';
import { operatorMailOf } from './operator-mail-words.ts';

/** Who is told, and how often at most. */
export interface OperatorMailSettings {
  readonly to: readonly string[];
  /** Seconds between the beginnings of two mails. */
  readonly everySeconds: number;
}

export interface OperatorMailDeps {
  readonly operatorAlerts: OperatorAlertRepository;
  /** Null when operators are not told by mail. */
  readonly operatorMail: OperatorMailSettings | null;
  readonly mail: Pick<MailGateway, 'send'>;
}

/** The step that tells operators. */
export function createOperatorMailActivities({ operatorAlerts, operatorMail, mail }: OperatorMailDeps) {
  return {
    /**
     * Effect: sends operators one mail about all new cases and failed events, if the last mail is old enough.
     * Key: the mail's id, which is stored with what it tells of, and is its Message-ID.
     * Outcomes: how many cases and events the mail tells of; 0 when nothing is new, or it is too early.
     * Failures: mail server unavailable or database, retryable (a second copy with the same id and words may follow).
     * Undo: none.
     */
    async mailOperators(): Promise<{ readonly told: number }> {
      if (operatorMail === null) return { told: 0 };
      const digest = await operatorAlerts.claim(randomId('opm'), operatorMail.everySeconds);
      if (digest === null) return { told: 0 };
      const { mailId } = digest;
      const words = operatorMailOf(digest);
      for (const to of operatorMail.to) {
        await sendOnce(mail, { orderId: null, messageId: `<operators.${mailId}@order-saga.local>`, to, ...words });
      }
      await operatorAlerts.recordSent(mailId);
      return { told: digest.cases + digest.events };
    },
  };
}

/** An address that the server refuses for good does not keep the mail from the others. */
async function sendOnce(gateway: Pick<MailGateway, 'send'>, mail: Mail): Promise<void> {
  try {
    await gateway.send(mail);
  } catch (error) {
    if (!(error instanceof MailRejectedError)) throw error;
    log.error('a mail to operators was refused', { errorCode: error.code } satisfies LogFields);
  }
}
