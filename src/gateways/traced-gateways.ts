import { fail, inSpan } from '../runtime/tracing/spans.ts';
import type { MailGateway } from './mail-gateway.ts';
import type { PaymentGateway } from './payment-gateway.ts';
import type { SmsGateway } from './sms-gateway.ts';
import type { WebhookGateway } from './webhook-gateway.ts';

/** Puts each call to the payment provider into a span. */
export function tracePayments(gateway: PaymentGateway): PaymentGateway {
  const call = <Result>(name: string, work: () => Promise<Result>): Promise<Result> =>
    inSpan({ name: `payment.${name}`, kind: 'CLIENT' }, work);
  return {
    ...gateway,
    charge: (request, signal) => call('charge', () => gateway.charge(request, signal)),
    lookup: (request, signal) => call('lookup', () => gateway.lookup(request, signal)),
    voidByKey: (request, signal) => call('void', () => gateway.voidByKey(request, signal)),
    capture: (request, signal) => call('capture', () => gateway.capture(request, signal)),
    refund: (request, signal) => call('refund', () => gateway.refund(request, signal)),
    movements: (question, signal) => call('movements', () => gateway.movements(question, signal)),
  };
}

/** Puts each mail into a span. */
export function traceMail(gateway: MailGateway): MailGateway {
  return { ...gateway, send: (mail) => inSpan({ name: 'mail.send', kind: 'CLIENT' }, () => gateway.send(mail)) };
}

/** Puts each text message into a span. */
export function traceTexts(gateway: SmsGateway): SmsGateway {
  return { send: (message) => inSpan({ name: 'sms.send', kind: 'CLIENT' }, () => gateway.send(message)) };
}

/** Puts each webhook into a span, which has failed unless the receiver took the event. */
export function traceWebhooks(gateway: WebhookGateway): WebhookGateway {
  return {
    ...gateway,
    send: (message) =>
      inSpan({ name: 'webhook.send', kind: 'CLIENT' }, async (span) => {
        const answer = await gateway.send(message);
        if ('status' in answer) span.setAttribute('http.response.status_code', answer.status);
        if (answer.kind !== 'accepted') fail(span, answer.kind === 'silent' ? answer.why : answer.kind);
        return answer;
      }),
  };
}
