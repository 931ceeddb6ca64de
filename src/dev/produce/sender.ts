import { Pool, type Dispatcher } from 'undici';

/** One request with a JSON body. */
export interface Post {
  readonly path: string;
  readonly body: string;
  readonly idempotencyKey?: string;
}

/** The answer; status 0 when no answer came, with the reason as its text. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The header `Retry-After`. */
  readonly retryAfter?: string;
}

/** Posts to one API. */
export interface Sender {
  /** Never rejects. */
  post(post: Post): Promise<Answer>;
  close(): Promise<void>;
}

/** A busy API answers within 6 s; a later answer counts as none. */
const ANSWER_LIMIT_MS = 15_000;

/** `dispatch` costs a third of the CPU time of `fetch`; the system under test can use the rest. */
export function createSender(options: {
  readonly url: string;
  readonly token: string;
  readonly connections: number;
}): Sender {
  const pool = new Pool(options.url, {
    connections: options.connections,
    pipelining: 1,
    headersTimeout: ANSWER_LIMIT_MS,
    bodyTimeout: ANSWER_LIMIT_MS,
  });
  const headers = { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' };
  return {
    post: ({ path, body, idempotencyKey }) =>
      new Promise((resolve) => {
        const sent = idempotencyKey === undefined ? headers : { ...headers, 'idempotency-key': idempotencyKey };
        pool.dispatch({ path, method: 'POST', headers: sent, body }, answerTo(resolve));
      }),
    close: () => pool.destroy(),
  };
}

function answerTo(resolve: (answer: Answer) => void): Dispatcher.DispatchHandler {
  let status = 0;
  let retryAfter: string | undefined;
  const chunks: Buffer[] = [];
  return {
    onRequestStart: () => {},
    onResponseStart: (_, code, headers) => {
      status = code;
      retryAfter = headers['retry-after']?.toString();
    },
    onResponseData: (_, chunk) => {
      chunks.push(chunk);
    },
    onResponseEnd: () => {
      const text = Buffer.concat(chunks).toString('utf8');
      resolve({ status, text, ...(retryAfter === undefined ? {} : { retryAfter }) });
    },
    onResponseError: (_, error) => resolve({ status: 0, text: error.message }),
  };
}
