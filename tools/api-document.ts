import { createApp, type AppDeps } from '../src/api/app.ts';
import { openApiDocument } from '../src/api/http/docs.ts';

/** An application that can only describe itself: the dependencies of its routes are missing. */
export function createDescribingApp(): ReturnType<typeof createApp> {
  const deps: AppDeps = {
    starter: absent(),
    reader: absent(),
    list: absent(),
    insight: absent(),
    explainer: absent(),
    commander: absent(),
    cases: absent(),
    resolution: absent(),
    noticeIntake: absent(),
    messageResend: absent(),
    workflowUrl: () => '',
    webUiUrl: 'http://localhost:8233',
    payloads: null,
    actions: absent(),
    trail: absent(),
    erasure: absent(),
    catalog: absent(),
    sealer: absent(),
    hasher: absent(),
    capabilities: absent(),
    settings: absent(),
    metrics: absent(),
    overview: absent(),
    intake: absent(),
    events: absent(),
    eventOperations: absent(),
    eventOverview: absent(),
    eventBudget: absent(),
    eventRequests: absent(),
    eventMetrics: absent(),
    webhookSubscriptions: absent(),
    webhookDeliveries: absent(),
    webhookOperations: absent(),
    requestBudget: absent(),
    unauthenticatedPerSecond: 1,
    trustedHops: 0,
    operatorPort: 'public',
    logger: absent(),
    logsRequests: false,
    shutdown: new AbortController().signal,
    verifyToken: () => Promise.reject(new TypeError('this application only describes itself')),
    readiness: () => Promise.reject(new TypeError('this application only describes itself')),
    isShuttingDown: () => false,
  };
  return createApp(deps);
}

/** The text of `docs/openapi.json`. */
export function renderApiDocument(): string {
  return `${JSON.stringify(openApiDocument(createDescribingApp()), null, 2)}\n`;
}

/** Replaces any dependency that is never used. */
function absent(): never {
  return {} as never;
}
