import { Client, Connection } from '@temporalio/client';
import { serveOrders } from '../service/order-api.ts';
import { settings } from '../service/settings.ts';
import type { textbookOrderWorkflow } from './workflow.ts';

const connection = await Connection.connect({ address: settings.temporalAddress });
const client = new Client({ connection });

const { stopped } = serveOrders((order) =>
  client.workflow.start<typeof textbookOrderWorkflow>('textbookOrderWorkflow', {
    workflowId: `order/${order.orderId}`,
    taskQueue: 'textbook',
    args: [order],
  }),
);
await stopped;
await connection.close();
