import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/api/http/problem.ts';
import { createDescribingApp } from '../../tools/api-document.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: object;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Record<string, { schema: object }> };
  readonly responses: Record<string, { readonly description?: string; readonly content?: object }>;
  readonly security?: readonly Record<string, readonly string[]>[];
}

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, object>>;
}

let system: TestSystem;
let document: OpenApi;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
  ({ body: document } = await system.request<OpenApi>('/openapi.json'));
});
afterAll(() => system.stop());

/** Method, path and content of every operation. */
function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation]),
  );
}

/** Every object of a document with its path. */
function* nodesOf(node: unknown, way = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node)) yield [way, node as Record<string, unknown>];
  for (const [name, child] of Object.entries(node)) yield* nodesOf(child, `${way}/${name}`);
}

it('The OpenAPI document is OpenAPI 3.1 with the version of the package', async () => {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'order-saga', version: manifest.version });
  expect(Object.keys(document).toSorted()).toEqual(['components', 'info', 'openapi', 'paths', 'tags', 'webhooks']);
});

it('The OpenAPI document refers to nothing that it does not hold', () => {
  for (const [way, node] of nodesOf(document)) {
    const reference = node['$ref'];
    if (typeof reference !== 'string') continue;
    const target = reference
      .replace('#/', '')
      .split('/')
      .reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], document);
    expect(target, `${way} refers to ${reference}`).toBeDefined();
  }
});

it('The OpenAPI document has a summary, a known tag, a described success and described problems for each operation', () => {
  const tags = new Set(document.tags.map(({ name }) => name));
  for (const [name, operation] of operations()) {
    expect(operation.summary, name).toMatch(/^[A-Z]/);
    expect(
      operation.tags?.every((tag) => tags.has(tag)),
      name,
    ).toBe(true);
    const responses = Object.entries(operation.responses);
    expect(
      responses.some(([status]) => status.startsWith('2')),
      name,
    ).toBe(true);
    for (const [status, response] of responses) {
      expect(response.description?.length, `${name} ${status}`).toBeGreaterThan(5);
      expect(response.content, `${name} ${status}`).toBeDefined();
    }
  }
});

it('The OpenAPI document describes every parameter, and has exactly those of the path', () => {
  for (const [name, { parameters = [] }] of operations()) {
    const inPath = parameters.filter((parameter) => parameter.in === 'path');
    expect(inPath.map((parameter) => `{${parameter.name}}`)).toEqual(name.match(/\{\w+\}/g) ?? []);
    for (const parameter of parameters) {
      expect(parameter.description?.length, `${name} ${parameter.name}`).toBeGreaterThan(5);
      expect(parameter.schema, `${name} ${parameter.name}`).toBeDefined();
      expect(parameter.required === true, `${name} ${parameter.name}`).toBe(
        parameter.in === 'path' || parameter.name === 'idempotency-key',
      );
    }
  }
});

it('The OpenAPI document describes every field of every schema', () => {
  let fields = 0;
  for (const [way, node] of nodesOf(document)) {
    // Fields may be called `type` and `properties`, too.
    const isSchema = typeof node['type'] === 'string' || Array.isArray(node['type']) || Array.isArray(node['anyOf']);
    if (!isSchema || typeof node['properties'] !== 'object') continue;
    for (const [name, field] of Object.entries(node['properties'] as Record<string, Record<string, unknown>>)) {
      fields += 1;
      expect(field['description'] ?? field['$ref'], `${way}.${name}`).toBeTypeOf('string');
    }
  }
  expect(fields).toBeGreaterThan(60);
});

it('The OpenAPI document holds every route of the application and no other', () => {
  const routed = createDescribingApp()
    .routes.filter(({ method, path }) => method !== 'ALL' && !/^\/(docs|console)\//.test(path))
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  expect([...new Set(routed)].toSorted()).toEqual(
    operations()
      .map(([name]) => name)
      .toSorted(),
  );
});

it('The OpenAPI document guards with the bearer scheme that it defines', () => {
  expect(document.components['securitySchemes']?.['bearer']).toMatchObject({ type: 'http', scheme: 'bearer' });
  for (const [name, { security = [] }] of operations()) {
    // A payment provider has no token: it signs.
    const isGuarded = name.includes('/v1/') && !name.includes('/payment-webhooks/');
    // Each entry is a scope that is enough by itself.
    expect(security.length > 0, name).toBe(isGuarded);
    expect(
      security.flatMap((way) => Object.keys(way)).every((scheme) => scheme === 'bearer'),
      name,
    ).toBe(true);
  }
});

it('The OpenAPI document names only problems that exist, under their status', () => {
  for (const [name, { responses }] of operations()) {
    for (const [status, { description = '' }] of Object.entries(responses).filter(([key]) => Number(key) >= 400)) {
      const codes = [...description.matchAll(/`(\w+)`: /g)].map(([, code]) => code);
      const known = Object.entries(PROBLEMS).filter(([code]) => codes.includes(code));
      expect(
        known.map(([, problem]) => String(problem.status)),
        `${name} ${status}`,
      ).toEqual(codes.map(() => status));
    }
  }
});

it('The OpenAPI document is the one in docs/', async () => {
  const file = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
  expect(document).toEqual(JSON.parse(file));
});

it('The page /docs loads everything from this server, and nothing inline', async () => {
  const page = await (await fetch(`${system.url}/docs`)).text();
  const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
  expect(addresses.length).toBeGreaterThanOrEqual(4);
  expect(page).not.toMatch(/https?:|<style|style=|<script>|onload=|javascript:/);
  for (const address of addresses) {
    expect(address).toMatch(/^\/docs\//);
    const response = await fetch(system.url + address);
    expect(response.status, address).toBe(200);
    expect((await response.arrayBuffer()).byteLength, address).toBeGreaterThan(100);
    expect(response.headers.get('content-type'), address).toMatch(/^(text\/(css|javascript)|image\/png)/);
  }
  expect(await (await fetch(`${system.url}/docs/start.js`)).text()).not.toMatch(/https?:/);
});

it('The page /docs keeps a token no longer than it is open', async () => {
  const start = await (await fetch(`${system.url}/docs/start.js`)).text();
  expect(start).toMatch(/persistAuthorization: false/);
  expect(start).not.toMatch(/[sS]torage/);
});

it('The page /docs may run no other script and call no other server', async () => {
  const response = await fetch(`${system.url}/docs`);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  const policy = new Map(
    (response.headers.get('content-security-policy') ?? '').split(';').map((directive): [string, string] => {
      const [name = '', ...sources] = directive.trim().split(' ');
      return [name, sources.join(' ')];
    }),
  );
  expect(Object.fromEntries(policy)).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'none'",
    'base-uri': "'none'",
    'form-action': "'none'",
  });
  for (const [name, sources] of policy) expect(sources, name).not.toMatch(/\*|http|unsafe-eval/);
});
