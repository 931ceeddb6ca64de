import { beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import {
  OVERLAYS,
  renderOverlay,
  type KubernetesDocument,
  type Overlay,
  type RenderedOverlay,
} from '../../tools/kubernetes/overlays.ts';
import { brokenReferences } from '../support/kubernetes/reference-checks.ts';

// References inside an overlay, which neither types nor an API server follow.

let rendered: Readonly<Record<Overlay, RenderedOverlay>>;
beforeAll(async () => {
  const entries = await Promise.all(OVERLAYS.map(async (overlay) => [overlay, await renderOverlay(overlay)] as const));
  rendered = Object.fromEntries(entries) as Record<Overlay, RenderedOverlay>;
}, 300_000);

it.each(OVERLAYS)('Every reference inside the overlay %s leads somewhere', (overlay) => {
  const { documents } = rendered[overlay];
  expect(documents.length).toBeGreaterThan(15);
  expect(brokenReferences(documents)).toEqual([]);
});

/** The overlay `production` with a mistake in every place that has the text. */
function withMistake(text: RegExp, mistake: string): KubernetesDocument[] {
  const changed = rendered.production.text.replaceAll(text, mistake);
  expect(changed).not.toBe(rendered.production.text);
  return parseAllDocuments(changed).map((document) => document.toJS() as KubernetesDocument);
}

it.each([
  {
    what: 'a probe of a port without a name',
    text: /port: internal\n/g,
    mistake: 'port: intern\n',
    found: 'no port intern for its probe',
  },
  {
    what: 'a service of another port',
    text: /targetPort: https/g,
    mistake: 'targetPort: http',
    found: 'api has no port http',
  },
  {
    what: 'a service of other pods',
    text: /^ {4}app.kubernetes.io\/component: api$/gm,
    mistake: '    x: y',
    found: 'its selector finds no pod',
  },
  {
    what: 'an account that nobody has',
    text: /serviceAccountName: worker/g,
    mistake: 'serviceAccountName: work',
    found: 'no account work',
  },
  {
    what: 'a volume that is not there',
    text: /name: postgres-ca\n {10}readOnly/g,
    mistake: 'name: ca\n          readOnly',
    found: 'volume ca has',
  },
  {
    what: 'an autoscaler without a target',
    text: /(kind: Deployment\n {4}name:) api/g,
    mistake: '$1 apis',
    found: 'no target apis',
  },
  {
    what: 'a number of pods beside KEDA',
    text: /(name: worker-orders\n.*\nspec:\n)( {2}selector)/g,
    mistake: '$1  replicas: 3\n$2',
    found: 'one place',
  },
  {
    what: 'a policy of a port that its pods lack',
    text: /- port: https$/gm,
    mistake: '- port: http',
    found: 'its pods have no port http',
  },
  {
    what: 'a route to nowhere',
    text: /(name: api\n {6}port:) 443/g,
    mistake: '$1 444',
    found: 'api:444, which does not exist',
  },
  {
    what: 'a queue without a worker',
    text: /^ {8}- notifications$/gm,
    mistake: '        - notification',
    found: 'no worker of notifications',
  },
])('The check of references finds $what', ({ text, mistake, found }) => {
  expect(brokenReferences(withMistake(text, mistake)).join('\n')).toContain(found);
});
