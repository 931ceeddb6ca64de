import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';

/** Files that the page loads; this process serves all of them, so the page works without any network. */
const ASSETS: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

const ASSET_FOLDER = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>order-saga API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/**
 * A token that a person types in stays in the page's memory: like the console, the page leaves nothing for the next
 * person.
 */
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

/** The head of the OpenAPI document; the route schemas make the rest. */
const OPENAPI_INFO = {
  openapi: '3.1.0',
  info: {
    title: 'order-saga',
    version: '0.1.0',
    description:
      'A durable order service on Temporal. An order answered with 202 is never lost, never charged twice and never oversold. ' +
      'A request may bring `X-Correlation-Id` and, where the service is traced, the W3C `traceparent`; both are answered.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  tags: [
    { name: 'Orders', description: 'Accepting orders and following them' },
    { name: 'Cases', description: 'Orders that wait for a person, and what can be done about them' },
    { name: 'Payment webhooks', description: 'What the payment provider reports; signed by it, opened by no token' },
    { name: 'Catalog and stock', description: 'What is sold, for how much, and how much of it there is' },
    { name: 'Events', description: 'Sending events, and what became of them' },
    { name: 'Webhooks', description: 'Being told of what happens to orders' },
    { name: 'Operations', description: 'For load balancers, monitoring and operators' },
  ],
};

/** Serves `/openapi.json` and the interactive page at `/docs`. */
export function mountDocs(app: OpenAPIHono<ApiEnv>): void {
  describeDocs(app);
  // The document is made once, because the routes do not change and anybody may ask for it.
  let document: string | null = null;
  app.get('/openapi.json', (c) => {
    document ??= JSON.stringify(openApiDocument(app));
    return c.body(document, 200, { 'Content-Type': 'application/json' });
  });
  app.get('/docs', (c) => c.html(PAGE));
  app.get('/docs/start.js', (c) => c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  const contents = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  app.get('/docs/:asset', async (c) => {
    const asset = c.req.param('asset');
    const type = ASSETS.get(asset);
    if (type === undefined) throw new ProblemError('not_found', 'there is nothing at this address');
    // Each file is read once and shared, because anybody may ask for a megabyte a thousand times and read none of it.
    const content = contents.get(asset) ?? readAsset(asset);
    contents.set(asset, content);
    return c.body(await content, 200, { 'Content-Type': type, 'Cache-Control': 'max-age=3600' });
  });
}

async function readAsset(asset: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(ASSET_FOLDER, asset)));
}

/** The OpenAPI 3.1 document of an application's routes; the application need not be connected to anything. */
export function openApiDocument(app: OpenAPIHono<ApiEnv>) {
  return app.getOpenAPI31Document(OPENAPI_INFO);
}

function describeDocs({ openAPIRegistry }: OpenAPIHono<ApiEnv>): void {
  openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A token with a tenant claim and the scopes that each route names; `npm run --silent token` makes one for development',
  });
  openAPIRegistry.registerPath({
    method: 'get',
    path: '/openapi.json',
    tags: ['Operations'],
    summary: 'This document',
    responses: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: z.looseObject({}) } } } },
  });
  openAPIRegistry.registerPath({
    method: 'get',
    path: '/docs',
    tags: ['Operations'],
    summary: 'This document as a page to read and to try',
    responses: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } },
  });
}
