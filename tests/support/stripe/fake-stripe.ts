import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createAccount } from './fake-stripe-account.ts';
import { ApiError, idOf, LOST, type Answer, type Charge, type Refund } from './fake-stripe-objects.ts';

// A stand-in for the part of Stripe's API that our adapter uses, written after Stripe's documentation and not after the
// adapter: form-encoded bodies, idempotency keys, PaymentIntents, Charges, Refunds and error objects.

/** A request as it was heard. */
export interface HeardRequest {
  readonly route: string;
  readonly version: string | undefined;
  readonly key: string | undefined;
  readonly form: Readonly<Record<string, string>>;
}

/** A running fake. */
export interface FakeStripe {
  readonly url: string;
  readonly requests: readonly HeardRequest[];
  /** Successful charges with this metadata. */
  charges(orderId: string): readonly Readonly<Charge>[];
  refunds(orderId: string): readonly Readonly<Refund>[];
  /** Makes search see all there is; until then it knows nothing new, as Stripe's does for up to a minute. */
  updateSearch(): void;
  /** Forgets all idempotency keys, as Stripe may after 24 hours. */
  forgetKeys(): void;
  /** Lets a pending refund succeed or fail. */
  settleRefunds(status: 'succeeded' | 'failed'): void;
  /** Runs once, to its end, before the next request to a route is looked at, for example `POST /cancel`. */
  beforeNext(route: string, act: () => unknown): void;
  /** Takes the money of an authorization behind the adapter's back. */
  captureElsewhere(orderId: string): void;
  /** Refunds a charge in the dashboard; the whole of it without an amount. */
  refundElsewhere(orderId: string, amount?: number): void;
  /** Answers the next request to a route, once it was carried out, with something that nobody can read. */
  garbleNext(route: string): void;
  /** Answers every request with this status, or as usual again. */
  answerAll(status: number | null): void;
  close(): Promise<void>;
}

interface SavedAnswer {
  readonly fingerprint: string;
  readonly answer: Answer | null;
}

/** Secret key that the fake takes. */
export const FAKE_STRIPE_KEY = 'sk_test_fake';

/** Listens on a free port. */
export async function startFakeStripe(): Promise<FakeStripe> {
  const account = createAccount();
  const keys = createKeys(account.lastAnswer);
  const requests: HeardRequest[] = [];
  const before = new Map<string, () => unknown>();
  const garbled = new Set<string>();
  let forced: number | null = null;

  async function answer(request: IncomingMessage, text: string): Promise<Answer | typeof LOST> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const form = Object.fromEntries(new URLSearchParams(request.method === 'POST' ? text : url.search));
    const key = headerOf(request, 'idempotency-key');
    const route = `${request.method} ${url.pathname}`;
    requests.push({ route, version: headerOf(request, 'stripe-version'), key, form });
    for (const [suffix, act] of before) {
      if (!matches(suffix, request, url)) continue;
      before.delete(suffix);
      await act();
    }
    if (forced !== null) throw new ApiError(forced, { type: 'api_error' }, false);
    if (headerOf(request, 'authorization') !== `Bearer ${FAKE_STRIPE_KEY}`) {
      throw new ApiError(401, { type: 'invalid_request_error' }, false);
    }
    const run = () => account.handle({ method: request.method ?? '', path: url.pathname }, form);
    const answered = await (request.method === 'POST' && key !== undefined
      ? keys.once(key, `${route}?${text}`, run)
      : run());
    const isGarbled = [...garbled].some((suffix) => matches(suffix, request, url) && garbled.delete(suffix));
    return isGarbled ? { status: 200, body: { object: 'changed' } } : answered;
  }

  const { port, close } = await serve(answer);
  return {
    ...account.control,
    url: `http://127.0.0.1:${port}`,
    requests,
    forgetKeys: keys.forget,
    beforeNext: (route, act) => {
      before.set(route, act);
    },
    garbleNext: (route) => {
      garbled.add(route);
    },
    answerAll: (status) => {
      forced = status;
    },
    close,
  };
}

/** The idempotency keys of the account: the first answer of a key is every answer of the key, errors included. */
function createKeys(lastAnswer: () => Answer) {
  const keys = new Map<string, SavedAnswer>();
  async function once(key: string, fingerprint: string, run: () => Promise<Answer | typeof LOST>) {
    const saved = keys.get(key);
    if (saved?.answer === null) {
      throw new ApiError(409, { type: 'idempotency_error', code: 'idempotency_key_in_use' }, false);
    }
    if (saved !== undefined && saved.fingerprint !== fingerprint) {
      throw new ApiError(400, { type: 'idempotency_error' }, false);
    }
    if (saved !== undefined) return saved.answer;
    keys.set(key, { fingerprint, answer: null });
    try {
      const result = await run();
      keys.set(key, { fingerprint, answer: result === LOST ? lastAnswer() : result });
      return result;
    } catch (error) {
      if (error instanceof ApiError && error.isSaved) {
        keys.set(key, { fingerprint, answer: { status: error.status, body: error.body } });
      } else {
        keys.delete(key);
      }
      throw error;
    }
  }
  return { once, forget: () => keys.clear() };
}

type Answering = (request: IncomingMessage, text: string) => Promise<Answer | typeof LOST>;

async function serve(answer: Answering): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    void readBody(request)
      .then((text) => answer(request, text))
      .catch((error: unknown) => {
        if (error instanceof ApiError) return { status: error.status, body: error.body };
        return { status: 500, body: { error: { type: 'api_error', message: String(error) } } };
      })
      .then((result) => (result === LOST ? request.socket.resetAndDestroy() : send(response, result)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

/** A route is written as `POST /cancel`: its method and how its path ends. */
function matches(route: string, request: IncomingMessage, { pathname }: URL): boolean {
  const [method = '', end = ''] = route.split(' ');
  return request.method === method && pathname.endsWith(end);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': idOf('req') });
  response.end(JSON.stringify(body));
}
