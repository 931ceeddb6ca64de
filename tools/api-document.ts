import { createApp, type AppDeps } from '../src/api/app.ts';
import { openApiDocument } from '../src/api/http/docs.ts';

/** An application that can describe itself and nothing else: what its routes would work with is not there. */
export function createDescribingApp(): ReturnType<typeof createApp> {
  const deps: AppDeps = {
    starter: absent(),
    reader: absent(),
    list: absent(),
    story: absent(),
    explainer: absent(),
    commander: absent(),
    cases: absent(),
    desk: absent(),
    noticeIntake: absent(),
    messageDesk: absent(),
    workflowUrl: () => '',
    actions: absent(),
    catalog: absent(),
    sealer: absent(),
    hasher: absent(),
    capabilities: absent(),
    settings: absent(),
    metrics: absent(),
    overview: absent(),
    intake: absent(),
    events: absent(),
    eventDesk: absent(),
    eventOverview: absent(),
    eventBudget: absent(),
    eventRequests: absent(),
    eventMetrics: absent(),
    webhookSubscriptions: absent(),
    webhookDeliveries: absent(),
    webhookDesk: absent(),
    rateLimits: absent(),
    unauthenticatedPerSecond: 1,
    trustedHops: 0,
    rateLimitPerSecond: 1,
    logger: absent(),
    logsRequests: false,
    shutdown: new AbortController().signal,
    verifyToken: () => Promise.reject(new TypeError('this application only describes itself')),
    readiness: () => Promise.reject(new TypeError('this application only describes itself')),
    isShuttingDown: () => false,
  };
  return createApp(deps);
}

/** `docs/openapi.json`, as text. */
export function renderApiDocument(): string {
  return `${JSON.stringify(openApiDocument(createDescribingApp()), null, 2)}\n`;
}

/** Any dependency, as long as nobody uses it. */
function absent(): never {
  return {} as never;
}
