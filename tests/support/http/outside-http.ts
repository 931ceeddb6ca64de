import { connect } from 'node:net';

/** Bytes that a client may send on one connection, and the statuses of all answers to them. */
export interface Exchange {
  readonly name: string;
  readonly bytes: string | Buffer;
  /** In order; each entry has the possible statuses of the answer to one request. */
  readonly statuses: readonly (readonly number[])[];
}

/** How long a connection is silent after its last expected answer before the exchange counts as over. */
const SILENT_MS = 250;

/** How long a connection may be silent before an answer that is expected: much longer, on a busy machine. */
const PATIENCE_MS = 10_000;

/**
 * Sends bytes and reads all answers, until the server closes or falls silent after as many as are expected. Rejects when
 * the server never answers.
 */
export function exchange(url: string, bytes: string | Buffer, expected: number): Promise<RawAnswer[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answersIn(Buffer.concat(chunks).toString('latin1')));
    };
    const silence = (): void => reject(new Error(`the server says nothing for ${PATIENCE_MS} ms`));
    let timer = setTimeout(silence, PATIENCE_MS);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      const isWhole = answersIn(Buffer.concat(chunks).toString('latin1')).length >= expected;
      timer = setTimeout(done, isWhole ? SILENT_MS : PATIENCE_MS);
    });
    socket.on('close', done);
    // A server may close while the client still writes; only its answer matters.
    socket.on('error', () => {});
    socket.write(bytes);
  });
}

/** One answer from the bytes of a connection. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    const head = end < 0 ? rest : rest.slice(0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN);
    rest = end < 0 ? '' : rest.slice(end + 4);
    if (status === 100) continue;
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    // An answer without a length ends with its connection.
    const isBounded = /^(?:content-length|transfer-encoding): /im.test(head);
    const { body, after } = /^transfer-encoding: chunked/im.test(head)
      ? chunkedBody(rest)
      : { body: rest.slice(0, length), after: rest.slice(length) };
    answers.push({ status, head, body });
    rest = isBounded ? after : '';
  }
  return answers;
}

function chunkedBody(text: string): { body: string; after: string } {
  let [body, rest] = ['', text];
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, Math.max(0, line)), 16);
    if (!(size > 0)) return { body, after: rest.slice(line + 4) };
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 2 + size + 2);
  }
}
