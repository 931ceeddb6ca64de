import { createHttpAlertGateway } from '../../../src/gateways/alert-gateway.ts';
import { createSmtpMailGateway } from '../../../src/gateways/mail-gateway.ts';
import { createSimulatorPaymentGateway } from '../../../src/gateways/simulator-payment-gateway.ts';
import { createHttpSmsGateway } from '../../../src/gateways/sms-gateway.ts';
import { createStripePaymentGateway } from '../../../src/gateways/stripe/stripe-payment-gateway.ts';
import { createWebhookGateway } from '../../../src/gateways/webhook-gateway.ts';
import { createTokenVerifier } from '../../../src/api/access/auth.ts';

// Asks once over every link of HTTP and by mail: try-links.ts HTTPS_URL SMTP_URL. The receivers know what has arrived.
// It is a process of its own, because Node reads NODE_EXTRA_CA_CERTS at its start.

const [, , base = '', smtpUrl = ''] = process.argv;
const onBreakerChange = (): void => {};
const limit = (): AbortSignal => AbortSignal.timeout(30_000);

const mail = createSmtpMailGateway({ url: smtpUrl, from: 'shop@example.com', onBreakerChange });
const webhooks = createWebhookGateway({ allowPrivate: true });
const tokens = createTokenVerifier({
  secret: null,
  jwksUrl: `${base}/keys`,
  issuer: 'issuer',
  audience: 'audience',
  maxLifetimeSeconds: 60,
  roles: null,
  tenants: null,
});
const stripe = { secretKey: 'sk_test_1', apiUrl: base, onBreakerChange };
const text = { orderId: 'ord_1', messageId: 'message-1', to: '+4915112345678', text: 'hello' };
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

const outcomes = await Promise.allSettled([
  tokens(`${encode({ alg: 'ES256', kid: 'one' })}.${encode({ sub: 'someone' })}.AAAA`),
  createSimulatorPaymentGateway({ baseUrl: base, onBreakerChange }).ping(limit()),
  createStripePaymentGateway(stripe).ping(limit()),
  createHttpSmsGateway({ url: `${base}/sms`, token: null, onBreakerChange }).send(text),
  createHttpAlertGateway(`${base}/alert`, onBreakerChange).send('alert-1', {}),
  webhooks.send({ url: `${base}/webhook`, messageId: 'm', secret: `whsec_${'A'.repeat(32)}`, body: '{}' }),
  mail.send({ orderId: 'ord_1', messageId: '<m@example.com>', to: 'a@example.com', subject: 'Order', text: 'hello' }),
]);
mail.close();
await webhooks.close();
console.log(JSON.stringify(outcomes.map(({ status }) => status)));
