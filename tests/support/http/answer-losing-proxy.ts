import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A proxy before an API: requests reach the API, and answers to POSTs are lost while this is switched on. */
export interface AnswerLosingProxy {
  readonly url: string;
  losesAnswers(loses: boolean): void;
  /** The keys of the POSTs whose path contains `named`. */
  keys(named: string): readonly string[];
  stop(): Promise<void>;
}

/** Starts the proxy before an API. */
export async function startAnswerLosingProxy(target: string): Promise<AnswerLosingProxy> {
  let loses = false;
  const posts: { readonly path: string; readonly key: string }[] = [];
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = 'GET', url = '/', headers } = request;
    const answer = await fetch(new URL(url, target), {
      method,
      headers: Object.entries(headers).flatMap(([name, value]) =>
        typeof value === 'string' && !HOP_BY_HOP.has(name) ? [[name, value] as [string, string]] : [],
      ),
      body: method === 'POST' ? Buffer.concat(chunks) : null,
    });
    const text = await answer.text();
    if (method === 'POST') posts.push({ path: url, key: String(headers['idempotency-key']) });
    if (method === 'POST' && loses) request.socket.destroy();
    else response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
  };
  const server = createServer((request, response) => void pass(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    losesAnswers: (value) => {
      loses = value;
    },
    keys: (named) => posts.filter(({ path }) => path.includes(named)).map(({ key }) => key),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const HOP_BY_HOP: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);
