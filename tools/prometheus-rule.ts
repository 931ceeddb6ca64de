import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';

const HEAD = `# Made from ops/prometheus/rules.yml by \`npm run docs\`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: order-saga
spec:
`;

/** The alert rules as the Prometheus operator of a Kubernetes cluster takes them. */
export function renderPrometheusRule(): string {
  const rules = readFileSync(join(PROJECT_FOLDER, 'ops/prometheus/rules.yml'), 'utf8');
  const groups = rules.slice(rules.indexOf('groups:'));
  return HEAD + groups.replaceAll(/^(?=.)/gm, '  ');
}
