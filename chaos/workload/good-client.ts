import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { History } from '../history.ts';
import type { Random } from '../random.ts';

/** One thing that a client wants; it is repeated until it has an answer. */
export interface Call {
  /** Its name in the history. */
  readonly op: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly key?: string;
  readonly order?: string | null;
  /** A text is sent as it is, everything else as JSON. */
  readonly body?: unknown;
  /** Seconds for which the API may hold the answer back. */
  readonly waitSeconds?: number;
  /** Facts for the history, known before the answer. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Facts for the history out of a successful answer. */
  readonly read?: (body: AnswerBody) => Readonly<Record<string, unknown>>;
}

/** The body of an answer: whatever the API has sent, and an empty object for what is not JSON. */
export type AnswerBody = Readonly<Record<string, unknown>>;

/** An answer; status 0 when none came. */
export interface Answer {
  readonly status: number;
  readonly body: AnswerBody;
}

/** Asks like a client that has read the documentation: the same key again, with growing pauses and Retry-After. */
export interface GoodClient {
  readonly who: string;
  /** The first answer that is not "come again"; null when the run ended before. */
  ask(call: Call): Promise<Answer | null>;
}

/** Who asks, where, and with which token. */
export interface ClientOptions {
  readonly who: string;
  readonly urls: readonly string[];
  readonly token: string;
  readonly history: History;
  readonly random: Random;
  /** Ends the repeats. */
  readonly signal: AbortSignal;
}

/** The API answers within 6 s, or not at all. A later answer counts as none. */
const ANSWER_WITHIN_MS = 8_000;

const BACKOFF_MS = { first: 150, longest: 3_000 } as const;

/** A client comes back soon although it may be told to wait longer: a short run must see the service again. */
const RETRY_AFTER_MAX_MS = 5_000;

/**
 * A command that another command or a parked step keeps waiting is asked for again as often as this, some two minutes.
 * It may wait for a person for longer than the run takes.
 */
const WAITS_MAX = 40;

/** One agent for all clients of the process, because each of them has few requests. */
const agent = new Agent({ connections: 256, pipelining: 1, connectTimeout: 3_000 });

export function createGoodClient(options: ClientOptions): GoodClient {
  const { who, random, signal } = options;
  return {
    who,
    ask: async (call) => {
      for (let tries = 0; !signal.aborted; tries += 1) {
        const answer = await askAndWrite(options, call, tries);
        if (!comesAgain(answer) && !(waits(answer) && tries < WAITS_MAX)) return answer;
        await sleep(pauseMs(tries, answer, random), undefined, { signal }).catch(() => {});
      }
      return null;
    },
  };
}

async function askAndWrite(
  { who, urls, token, history, random }: ClientOptions,
  call: Call,
  tries: number,
): Promise<Answer> {
  const { op, key = null, order = null, data = {}, read = nothing } = call;
  history.write({ who, op, key, order, type: 'invoke', data: { ...data, tries } });
  const answer = await askOnce(random.pick(urls), token, call);
  const type = typeOf(answer);
  const told = type === 'ok' ? read(answer.body) : problemOf(answer);
  const status = answer.status === 0 ? null : answer.status;
  history.write({ who, op, key, order, type, status, data: { ...data, ...told } });
  return answer;
}

const nothing = (): AnswerBody => ({});

/** `info` for everything that leaves open whether it was done. */
function typeOf({ status }: Answer): 'ok' | 'fail' | 'info' {
  if (status >= 200 && status < 300) return 'ok';
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'fail' : 'info';
}

function problemOf({ body }: Answer): Record<string, unknown> {
  return typeof body['code'] === 'string' ? { code: body['code'] } : {};
}

/** No answer, or one that says that it may succeed later. */
function comesAgain({ status }: Answer): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

/** The order is busy with another command, or the decision has not been made yet. */
function waits({ body }: Answer): boolean {
  return body['code'] === 'order_busy' || body['decision'] === 'pending' || body['outcome'] === 'pending';
}

function pauseMs(tries: number, { body }: Answer, random: Random): number {
  const backoff = Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** Math.min(tries, 10));
  const asked = Math.min(RETRY_AFTER_MAX_MS, Number(body[RETRY_AFTER] ?? 0) * 1_000);
  return Math.max(asked, backoff * (0.5 + random.next() / 2));
}

/** Where the header stands among the fields of the body; no field of the API has this name. */
const RETRY_AFTER = 'header retry-after';

async function askOnce(url: string, token: string, call: Call): Promise<Answer> {
  const { method, path, key, body, waitSeconds = 0 } = call;
  try {
    const answer = await request(`${url}${path}`, {
      method,
      dispatcher: agent,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS + waitSeconds * 1_000),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.body.text();
    const retryAfter = answer.headers['retry-after'];
    const told = typeof retryAfter === 'string' ? { [RETRY_AFTER]: retryAfter } : {};
    return { status: answer.statusCode, body: { ...parse(text), ...told } };
  } catch {
    return { status: 0, body: {} };
  }
}

function parse(text: string): AnswerBody {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as AnswerBody) : {};
  } catch {
    return {};
  }
}
