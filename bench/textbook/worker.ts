import { createServer } from 'node:net';
import { NativeConnection, Worker } from '@temporalio/worker';
import { allAt, createDatabases } from '../../db/client.ts';
import { createSmtpMailGateway } from '../../src/gateways/mail-gateway.ts';
import { createSimulatorPaymentGateway } from '../../src/gateways/simulator-payment-gateway.ts';
import { createTextbookActivities } from './activities.ts';
import { settings } from './settings.ts';

const url = settings.databaseUrl;
const databases = createDatabases(allAt(url), {
  poolSize: 20,
  applicationName: 'textbook',
  onIdleError: console.error,
});
const mail = createSmtpMailGateway({
  url: settings.smtpUrl,
  from: 'orders@order-saga.local',
  onBreakerChange: () => {},
});
const gateway = createSimulatorPaymentGateway({ baseUrl: settings.paymentGatewayUrl, onBreakerChange: () => {} });

const connection = await NativeConnection.connect({ address: settings.temporalAddress });
const worker = await Worker.create({
  connection,
  taskQueue: 'textbook',
  workflowsPath: new URL('./workflow.ts', import.meta.url).pathname,
  activities: createTextbookActivities(databases, gateway, mail),
});
const ready = createServer().listen(settings.readyPort, '127.0.0.1');
// The SDK ends the worker on SIGTERM by default.
await worker.run();
ready.close();
mail.close();
await databases.close();
await connection.close();
