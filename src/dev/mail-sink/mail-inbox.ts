import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/** A message in the form of the file and of `GET /messages`. */
export const messageSchema = z.object({
  /** Files of earlier versions contain only mails. */
  channel: z.enum(['email', 'sms']).default('email'),
  messageId: z.string().nullable(),
  to: z.string(),
  subject: z.string(),
  orderId: z.string().nullable(),
  text: z.string(),
  at: z.string(),
});

/**
 * One mail or text message as it arrived. A repeated Message-ID is a message of its own, because a sink hides nothing.
 */
export type InboxMessage = Readonly<z.infer<typeof messageSchema>>;

/** Messages that are kept unless another number is given: enough for a benchmark, some 4 MB. */
export const INBOX_LIMIT = 10_000;

/** The newest messages, optionally kept in a file. */
export interface MailInbox {
  /** Stores a message. With a file, the operating system has it when this returns, so a kill loses nothing. */
  add(message: InboxMessage): void;
  /** Newest first, at most as many as are kept. */
  newest(filter?: { orderId?: string | undefined; limit?: number | undefined }): InboxMessage[];
  clear(): void;
  close(): void;
}

/**
 * With a file (one JSON document per line), the inbox starts with the file's messages. The array and the file may grow
 * to twice the messages that are kept before the older half is cut off, so the cost per mail stays constant.
 */
export function createMailInbox(file: string | null, kept = INBOX_LIMIT): MailInbox {
  let messages = file === null ? [] : readMessages(file).slice(-kept);
  let lines = file === null ? null : openLines(file, messages);
  const cut = (): void => {
    messages = messages.slice(-kept);
    if (file === null || lines === null) return;
    closeSync(lines);
    lines = openLines(file, messages);
  };
  return {
    add: (message) => {
      messages.push(message);
      if (lines !== null) writeSync(lines, toLine(message));
      if (messages.length >= 2 * kept) cut();
    },
    newest: ({ orderId, limit = kept } = {}) =>
      messages
        .slice(-kept)
        .toReversed()
        .filter((message) => orderId === undefined || message.orderId === orderId)
        .slice(0, limit),
    clear: () => {
      messages = [];
      cut();
    },
    close: () => {
      if (lines !== null) closeSync(lines);
      lines = null;
    },
  };
}

function toLine(message: InboxMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Rewrites the file with these messages and opens it for more. */
function openLines(file: string, messages: readonly InboxMessage[]): number {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, messages.map(toLine).join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return openSync(file, 'a');
}

/** A line that a kill cut short is left out. */
function readMessages(file: string): InboxMessage[] {
  return readLines(file).flatMap((line) => {
    const parsed = messageSchema.safeParse(parseJson(line));
    return parsed.success ? [parsed.data] : [];
  });
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
