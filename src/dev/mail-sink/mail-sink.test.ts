import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createMailInbox, INBOX_LIMIT, type InboxMessage, messageSchema } from './mail-inbox.ts';
import { createMailSink, type MailSink } from './mail-sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'order-saga-mail-'));
const sinks: MailSink[] = [];
const messagesSchema = z.array(messageSchema);

afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.stop();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function startSink(file: string | null = null): Promise<MailSink> {
  const sink = createMailSink({ smtpPort: 0, inboxPort: 0, host: '127.0.0.1', file });
  sinks.push(sink);
  await sink.start();
  return sink;
}

async function sendMail(sink: MailSink, mail: { subject: string; messageId?: string; text?: string }): Promise<void> {
  const transport = createTransport({ host: '127.0.0.1', port: sink.ports.smtp });
  const headers = { 'X-Order-Id': 'ord_1' };
  await transport.sendMail({ from: 'shop@example.com', to: 'ada@example.com', headers, text: 'hello', ...mail });
  transport.close();
}

async function inbox(sink: MailSink, path = '/messages'): Promise<InboxMessage[]> {
  const response = await fetch(`http://127.0.0.1:${sink.ports.inbox}${path}`);
  return messagesSchema.parse(await response.json());
}

it('The mail sink shows what arrived, newest first, repeated Message-IDs included', async () => {
  const sink = await startSink();
  await sendMail(sink, { subject: 'first', messageId: '<one@example.com>', text: 'grüße\nzwei' });
  await sendMail(sink, { subject: 'first', messageId: '<one@example.com>', text: 'grüße\nzwei' });
  await sendMail(sink, { subject: 'second' });
  const messages = await inbox(sink);
  expect(messages.map(({ subject }) => subject)).toEqual(['second', 'first', 'first']);
  expect(messages[2]).toEqual({
    channel: 'email',
    messageId: '<one@example.com>',
    to: 'ada@example.com',
    subject: 'first',
    orderId: 'ord_1',
    text: 'grüße\nzwei\n',
    at: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(await inbox(sink, '/messages?limit=1')).toHaveLength(1);
  expect(await inbox(sink, '/messages?orderId=ord_2')).toHaveLength(0);
});

it('The mail sink is an SMS gateway too, and shows text messages beside the mails', async () => {
  const sink = await startSink();
  await sendMail(sink, { subject: 'a mail' });
  const post = (body: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${sink.ports.inbox}/sms`, { method: 'POST', body });
  const text = { id: 'ord_1.order-confirmed.sms', to: '+4930123456', text: 'confirmed', reference: 'ord_1' };
  expect((await post(JSON.stringify(text))).status).toBe(202);
  expect((await post(JSON.stringify({ ...text, to: 'nobody' }))).status).toBe(422);
  expect((await post('no JSON')).status).toBe(422);
  const messages = await inbox(sink, '/messages?orderId=ord_1');
  expect(messages.map(({ channel, to }) => [channel, to])).toEqual([
    ['sms', '+4930123456'],
    ['email', 'ada@example.com'],
  ]);
  const page = await (await fetch(`http://127.0.0.1:${sink.ports.inbox}/`)).text();
  expect(page).toContain('sms · to +4930123456');
});

it('The method DELETE empties the inbox', async () => {
  const sink = await startSink(join(folder, 'deleted.jsonl'));
  await sendMail(sink, { subject: 'gone' });
  const url = `http://127.0.0.1:${sink.ports.inbox}/messages`;
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
  expect(await inbox(sink)).toEqual([]);
  expect(readFileSync(join(folder, 'deleted.jsonl'), 'utf8')).toBe('');
});

it('A restart keeps the messages', async () => {
  const file = join(folder, 'kept.jsonl');
  const first = await startSink(file);
  await sendMail(first, { subject: 'before' });
  await first.stop();
  // The remains of a kill in the middle of a write.
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"messageId": "<ha`);
  const second = await startSink(file);
  await sendMail(second, { subject: 'after' });
  expect((await inbox(second)).map(({ subject }) => subject)).toEqual(['after', 'before']);
});

it('The page of the mail sink escapes what strangers wrote and may run nothing', async () => {
  const sink = await startSink();
  await sendMail(sink, { subject: '<script>alert(1)</script>' });
  const response = await fetch(`http://127.0.0.1:${sink.ports.inbox}/`);
  const page = await response.text();
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(page).not.toContain('<script');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  const style = await fetch(`http://127.0.0.1:${sink.ports.inbox}/inbox.css`);
  expect(style.headers.get('content-type')).toContain('text/css');
});

it('Unknown paths and unreadable addresses get an answer', async () => {
  const sink = await startSink();
  expect((await fetch(`http://127.0.0.1:${sink.ports.inbox}/nothing`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${sink.ports.inbox}//`)).status).toBeLessThan(500);
  expect(await inbox(sink)).toEqual([]);
});

it('A taken port is an error and leaves nothing listening', async () => {
  const first = await startSink();
  const second = createMailSink({ smtpPort: 0, inboxPort: first.ports.inbox, host: '127.0.0.1' });
  await expect(second.start()).rejects.toThrow('EADDRINUSE');
});

const MAIL = {
  channel: 'email' as const,
  messageId: null,
  to: 'a@example.com',
  orderId: null,
  text: '',
  at: new Date().toISOString(),
};

it('The inbox keeps as many messages as it is told to', () => {
  const messages = createMailInbox(null, 3);
  for (let number = 0; number < 7; number++) messages.add({ ...MAIL, subject: String(number) });
  expect(messages.newest().map(({ subject }) => subject)).toEqual(['6', '5', '4']);
});

it('The inbox keeps the newest messages only, in memory and in the file', () => {
  const file = join(folder, 'many.jsonl');
  const messages = createMailInbox(file);
  const total = 2 * INBOX_LIMIT + 5;
  for (let number = 0; number < total; number++) messages.add({ ...MAIL, subject: String(number) });
  expect(messages.newest()).toHaveLength(INBOX_LIMIT);
  expect(messages.newest({ limit: 1 })[0]?.subject).toBe(String(total - 1));
  messages.close();
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(2 * INBOX_LIMIT);
  expect(createMailInbox(file).newest({ limit: 1 })[0]?.subject).toBe(String(total - 1));
});
