import { connect } from 'node:net';

/** Longest wait for an answer; a server that never answers is a finding. */
const PATIENCE_MS = 15_000;

/** Sends bytes unchanged to an HTTP server, and returns everything that it answers until it is silent or closes. */
export function sendRaw(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(done, PATIENCE_MS);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (isComplete(answer)) done();
    });
    socket.on('close', done);
    // A server may close while the client still writes; only its answer matters.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.write(bytes);
  });
}

/** Whether the head and the announced bytes of body, or the end of its chunks, have arrived. */
function isComplete(answer: string): boolean {
  const [head = '', body] = answer.split('\r\n\r\n', 2);
  if (body === undefined) return false;
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return answer.endsWith('\r\n0\r\n\r\n');
}

/** Status, content type and body of a raw answer. */
export function parseRaw(answer: string): { status: number; contentType: string | null; body: string } {
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.slice(0, end);
  const raw = answer.slice(end + 4);
  const isChunked = /^transfer-encoding: chunked/im.test(head);
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    contentType: /^content-type: (.*)$/im.exec(head)?.[1] ?? null,
    body: isChunked ? raw.replaceAll(/^[0-9a-f]+\r\n|\r\n(?:[0-9a-f]+\r\n)?/gim, '') : raw,
  };
}
