import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { oddRequests, type ApiDocument, type OddRequest } from '../support/http/odd-requests.ts';
import { expectCompleteProblem, type Problem } from '../support/http/problems.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
let token: string;
beforeAll(async () => {
  system = await startTestSystem({ webhooks: true });
  token = await system.token();
});
afterAll(() => system.stop());

interface OddAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string;
}

/** Node's own client forbids no method and changes no target. */
function send({ method, path, body = '' }: OddRequest, authorization: string): Promise<OddAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(authorization === '' ? {} : { authorization }),
      'idempotency-key': randomUUID(),
      ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const sent = request(system.url + path, { method, headers, path }, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      // A stream would not end by itself.
      if (answered['content-type']?.startsWith('text/event-stream') === true) {
        response.destroy();
        resolve({ status, contentType: null, body: '' });
        return;
      }
      void text(response).then(
        (answer) => resolve({ status, contentType: answered['content-type'] ?? null, body: answer }),
        reject,
      );
    });
    sent.on('error', reject).end(body);
  });
}

it('An operation refuses or answers every odd request, and none is a fault of ours', async () => {
  const { body: document } = await system.request<ApiDocument>('/openapi.json');
  const odd = oddRequests(document);
  expect(odd.length).toBeGreaterThan(1_200);
  const faults: string[] = [];
  const queue = odd.values();
  const worker = async (): Promise<void> => {
    for (const each of queue) {
      for (const authorization of [`Bearer ${token}`, '']) {
        const { status, contentType, body } = await send(each, authorization);
        if (status >= 500) faults.push(`${each.method} ${each.path} ${each.body ?? ''}: ${status}`);
        else if (status >= 400) expectCompleteProblem(contentType, JSON.parse(body) as Problem);
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  expect(faults).toEqual([]);
});
