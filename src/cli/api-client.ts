import { z } from 'zod';

/** The API that the client asks. */
export interface ApiClientOptions {
  readonly baseUrl: string;
  readonly token: string;
}

/** Asks the API. Both methods throw {@link ApiProblemError} or {@link ApiUnreachableError}. */
export interface ApiClient {
  /** Asks with GET; fields without a value are left out of the query. */
  get(path: string, query?: Readonly<Record<string, string | number | undefined>>): Promise<unknown>;
  /** Posts a body without the fields that have no value; repeating it with the same key does it once. */
  post(path: string, key: string, body: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** The API has refused the request, and says why. */
export class ApiProblemError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ApiProblemError';
    this.status = status;
    this.code = code;
  }
}

/** No server answers at the address, or not in time. */
export class ApiUnreachableError extends Error {
  constructor(baseUrl: string, cause: unknown) {
    super(`the API does not answer at ${baseUrl} (${reasonOf(cause)}); API_URL says where it is`, { cause });
    this.name = 'ApiUnreachableError';
  }
}

/** A command is answered within 4 s or with 503; the limit leaves time for a busy machine. */
const ANSWER_WITHIN_MS = 20_000;

const problemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).default([]),
});

export function createApiClient({ baseUrl, token }: ApiClientOptions): ApiClient {
  const ask = async (url: URL, init: RequestInit = {}): Promise<unknown> => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { ...init, headers, signal });
      text = await response.text();
    } catch (error) {
      throw new ApiUnreachableError(baseUrl, error);
    }
    const body = readJson(text);
    if (response.ok && body !== undefined) return body;
    throw problemOf(response.status, body);
  };
  return {
    get: (path, query = {}) => {
      const url = new URL(path, baseUrl);
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      return ask(url);
    },
    post: (path, key, body) =>
      ask(new URL(path, baseUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(body),
      }),
  };
}

/** The JSON value; undefined when the text is not JSON, for example a proxy's page. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(status: number, body: unknown): ApiProblemError {
  const problem = problemSchema.safeParse(body);
  if (!problem.success)
    return new ApiProblemError(status, 'not_the_api', `answered ${status}, but not as the API does`);
  const { code, detail, errors } = problem.data;
  return new ApiProblemError(
    status,
    code,
    [detail, ...errors.map((each) => `  ${each.pointer}: ${each.detail}`)].join('\n'),
  );
}

/** `fetch` gives little detail itself; its cause says what happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
