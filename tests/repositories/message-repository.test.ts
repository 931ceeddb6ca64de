import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createMessageRepository,
  type MessageKey,
  type MessageRepository,
  type RecordedAttempt,
} from '../../db/repositories/notifications/message-repository.ts';
import { DatabaseContractError } from '../../src/domain/errors.ts';
import type { MessageName, MessageState } from '../../src/domain/notification.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId } from './fixtures.ts';

let database: TestDatabase;
let messages: MessageRepository;
beforeAll(async () => {
  database = await createTestDatabase();
  messages = createMessageRepository(database.databases.notifications);
});
afterAll(() => database.close());

function messageOf(orderId = freshId()): MessageKey {
  return { orderId, name: 'order-confirmed', channel: 'email' };
}

function noted(state: MessageState, lastError: string | null = null, copyId: string | null = null): RecordedAttempt {
  return { tenantId: 'demo', state, lastError, copyId };
}

function stored(key: MessageKey): Promise<{ state: string; attempts: number; last_error: string | null }[]> {
  return database.query('SELECT * FROM notifications.messages WHERE order_id = $1', [key.orderId]);
}

it('A message has no state before its first attempt', async () => {
  expect(await messages.findOptional(messageOf())).toBeNull();
});

it('A message counts its attempts on one row and keeps the last error until it is sent', async () => {
  const key = messageOf();
  await messages.record(key, noted('RETRYING', 'MailUnavailableError'));
  await messages.record(key, noted('RETRYING', 'MailGatewayOpenError'));
  expect(await stored(key)).toMatchObject([{ state: 'RETRYING', attempts: 2, last_error: 'MailGatewayOpenError' }]);

  await messages.record(key, noted('SENT'));
  expect(await stored(key)).toMatchObject([{ state: 'SENT', attempts: 3, last_error: null }]);
  expect(await messages.findOptional(key)).toMatchObject({ state: 'SENT' });
});

it.each(['RETRYING', 'GAVE_UP'] as const)('A message that is sent never becomes %s', async (state) => {
  const key = messageOf();
  await messages.record(key, noted('SENT'));
  await messages.record(key, noted(state, 'late'));
  expect(await stored(key)).toMatchObject([{ state: 'SENT', attempts: 1, last_error: null }]);
});

it('A message that was given up may be sent after all', async () => {
  const key = messageOf();
  await messages.record(key, noted('GAVE_UP', 'given up'));
  await messages.record(key, noted('SENT'));
  expect(await messages.findOptional(key)).toMatchObject({ state: 'SENT' });
});

it('A message is sent again under the Message-ID of the copy, once, and stays SENT when the copy fails', async () => {
  const key = messageOf();
  await messages.record(key, noted('SENT'));
  await messages.record(key, noted('RETRYING', 'MailUnavailableError', '<copy-1>'));
  expect(await stored(key)).toMatchObject([{ state: 'SENT', attempts: 2, last_error: 'MailUnavailableError' }]);
  await messages.record(key, noted('SENT', null, '<copy-1>'));
  await messages.record(key, noted('SENT', null, '<copy-1>'));
  expect(await messages.findOptional(key)).toEqual({ state: 'SENT', messageId: '<copy-1>' });
  expect(await stored(key)).toMatchObject([{ attempts: 3, last_error: null }]);
});

it('A message of each refund is a row of its own, and is listed by its template and number', async () => {
  const orderId = freshId();
  for (const name of ['order-refunded', 'order-refunded.2', 'order-refunded.10'] as const) {
    await messages.record({ orderId, name, channel: 'email' }, noted('SENT'));
  }
  expect(await messages.listByOrder('demo', orderId)).toMatchObject([
    { template: 'order-refunded', occurrence: 1, state: 'SENT' },
    { template: 'order-refunded', occurrence: 2, state: 'SENT' },
    { template: 'order-refunded', occurrence: 10, state: 'SENT' },
  ]);
});

it.each(['order-shipped', 'order-refunded.0', 'order-refunded.x', 'order-refunded.'])(
  'A message cannot be %s',
  async (name) => {
    const key = { orderId: freshId(), name: name as MessageName, channel: 'email' } as const;
    await expect(messages.record(key, noted('SENT'))).rejects.toThrow(DatabaseContractError);
  },
);

it('A message keeps what each attempt came to, also of a further copy', async () => {
  const key = messageOf();
  await messages.record(key, noted('RETRYING', 'MailUnavailableError'));
  await messages.record(key, noted('SENT'));
  await messages.record(key, noted('RETRYING', 'late'));
  await messages.record(key, noted('GAVE_UP', 'given up', '<copy-1>'));
  const attempts = await messages.listAttempts('demo', key.orderId);
  expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'RETRYING'],
    [2, 'SENT'],
    [3, 'GAVE_UP'],
  ]);
  expect(await messages.listAttempts('acme', key.orderId)).toEqual([]);
});

it('A message is one row when attempts are recorded at once', async () => {
  const key = messageOf();
  await Promise.all(Array.from({ length: 10 }, () => messages.record(key, noted('RETRYING', 'no'))));
  expect(await stored(key)).toMatchObject([{ attempts: 10 }]);
});
