import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from './context.ts';
import { ProblemError } from './problem.ts';

/** What the page loads; all of it from this process, so it works without any network. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

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

const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
});
`;

/** The head of the OpenAPI document; the rest comes from the route schemas. */
export const OPENAPI_INFO = {
  openapi: '3.1.0',
  info: {
    title: 'order-saga',
    version: '0.1.0',
    description:
      'A durable order service on Temporal. An order answered with 202 is never lost, never charged twice and never oversold.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  tags: [
    { name: 'Orders', description: 'Accepting orders and following them' },
    { name: 'Catalog and stock', description: 'What is sold, for how much, and how much of it there is' },
    { name: 'Operations', description: 'For load balancers, monitoring and operators' },
  ],
};

/** Serves `/openapi.json` and the interactive page at `/docs`. */
export function mountDocs(app: OpenAPIHono<ApiEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token with a tenant claim and scopes; `npm run token` makes one for development',
  });
  app.doc31('/openapi.json', OPENAPI_INFO);
  app.get('/docs', (c) => c.html(PAGE));
  app.get('/docs/start.js', (c) => c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  app.get('/docs/:asset', async (c) => {
    const asset = c.req.param('asset');
    const type = ASSETS[asset];
    if (type === undefined) throw new ProblemError('not_found', 'there is nothing at this address');
    const content = await readFile(join(ASSET_FOLDER, asset));
    return c.body(new Uint8Array(content), 200, { 'Content-Type': type, 'Cache-Control': 'max-age=3600' });
  });
}
