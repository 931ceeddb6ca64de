import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { loadConfig, loadDatabaseConfig, VARIABLE_NAMES } from '../../src/config.ts';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { loadMailSinkSettings } from '../../src/dev/dev-environment.ts';
import { loadSimulatorConfig } from '../../src/simulator/config.ts';
import { OVERLAYS, renderOverlay, type KubernetesDocument, type Overlay } from '../../tools/kubernetes/overlays.ts';
import { environmentOfContainer, referredSources, type Secrets } from '../support/kubernetes/container-environment.ts';
import { containerOf, ofKind, workloadsOf, type Workload } from '../support/kubernetes/workloads.ts';
import { builtSources, sourceOf } from '../support/processes/built-sources.ts';
import { createTestAuthority, type TestAuthority } from '../support/tls/test-authority.ts';

/** Where containers find the files of mounted Secrets and ConfigMaps. */
const MOUNTS = '/etc/order-saga/';

let rendered: Readonly<Record<Overlay, readonly KubernetesDocument[]>>;
let authority: TestAuthority;
beforeAll(async () => {
  const render = async (overlay: Overlay) => [overlay, (await renderOverlay(overlay)).documents] as const;
  rendered = Object.fromEntries(await Promise.all(OVERLAYS.map(render))) as typeof rendered;
  authority = await createTestAuthority();
  const { certPath, keyPath } = await authority.issue('server', 'DNS:api.order-saga.svc');
  for (const folder of ['api', 'temporal', 'postgres']) {
    mkdirSync(join(authority.folder, folder));
    cpSync(certPath, join(authority.folder, folder, 'tls.crt'));
    cpSync(keyPath, join(authority.folder, folder, 'tls.key'));
    cpSync(authority.caPath, join(authority.folder, folder, 'ca.crt'));
  }
}, 300_000);
afterAll(() => authority.remove());

const DATABASE = `postgres://order_saga:secret@postgres.postgres.svc/orders?sslmode=verify-full&sslrootcert=${MOUNTS}postgres/ca.crt`;

/** What an operator puts into the Secrets of production. */
const SECRETS: Secrets = {
  database: { DATABASE_URL: DATABASE },
  'api-database': { DATABASE_URL: DATABASE },
  'migration-database': { DATABASE_URL: DATABASE },
  'contact-keys': { CONTACT_KEYS: `k1:${Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString('base64')}` },
  stripe: { STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_WEBHOOK_SECRET: 'whsec_1' },
  'temporal-sealing': { TEMPORAL_SEALING_KEYS: `2026:${Buffer.alloc(32, 'sealing').toString('base64')}` },
  mail: { SMTP_URL: 'smtps://orders:secret@mail.example.com:465' },
};

/** What the script of the overlay `dev` prints. */
function makeSecrets(): Secrets {
  const script = join(PROJECT_FOLDER, 'ops/kubernetes/overlays/dev/make-secrets.sh');
  const documents = parseAllDocuments(execFileSync('sh', [script], { encoding: 'utf8' }));
  const secrets = documents.map((document) => document.toJS() as KubernetesDocument).filter(isSecret);
  return Object.fromEntries(secrets.map(({ metadata, stringData }) => [metadata.name, stringData])) as Secrets;
}

const isSecret = ({ kind }: KubernetesDocument): boolean => kind === 'Secret';

function environmentIn(overlay: Overlay, workload: Workload): Record<string, string> {
  const secrets = overlay === 'dev' ? makeSecrets() : SECRETS;
  const env = environmentOfContainer(workload, rendered[overlay], secrets);
  const mounts = (containerOf(workload).volumeMounts ?? []).map(({ mountPath }) => mountPath);
  for (const [path] of Object.values(env)
    .join('\n')
    .matchAll(/\/etc\/order-saga\/[\w./-]+/g)) {
    expect(mounts, `${workload.name} mounts the folder of ${path}`).toContain(dirname(path));
  }
  // The files are those of this test.
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replaceAll(MOUNTS, `${authority.folder}/`)]),
  );
}

const isOurs = (workload: Workload): boolean => containerOf(workload).image.includes('order-saga:');
const oursIn = (overlay: Overlay): Workload[] => workloadsOf(rendered[overlay]).filter(isOurs);

/** The program that a container starts: `dist/src/worker.js`. */
const programOf = (workload: Workload): string =>
  containerOf(workload).args?.findLast((word) => /^dist\/.*\.js$/.test(word)) ?? '';

/** What each program makes of its variables; it throws as the program ends. */
const PARSERS: Readonly<Record<string, (env: Record<string, string>) => unknown>> = {
  'dist/src/server.js': (env) => loadConfig(env),
  'dist/src/combined.js': (env) => loadConfig(env),
  'dist/src/worker.js': (env) => loadConfig(env, { tokens: false }),
  'dist/src/migrate.js': loadDatabaseConfig,
  'dist/src/simulator/server.js': loadSimulatorConfig,
  'dist/src/dev/mail-sink-server.js': loadMailSinkSettings,
};

it.each(OVERLAYS)('Every program of the overlay %s starts with the settings that it gets', (overlay) => {
  const ours = oursIn(overlay);
  expect(ours.length).toBeGreaterThanOrEqual(3);
  for (const workload of ours) PARSERS[programOf(workload)]?.(environmentIn(overlay, workload));
  expect(ours.map(programOf).filter((program) => !(program in PARSERS))).toEqual([]);
});

it('Every setting in ops/kubernetes is one that a program reads', () => {
  const example = readFileSync(join(PROJECT_FOLDER, '.env.example'), 'utf8');
  const described = Array.from(example.matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm), ([, name = '']) => name);
  const known = new Set([...VARIABLE_NAMES, ...described]);
  const unknown = OVERLAYS.flatMap((overlay) =>
    oursIn(overlay).flatMap((workload) =>
      Object.keys(environmentIn(overlay, workload)).filter((name) => !known.has(name)),
    ),
  );
  expect(unknown).toEqual([]);
});

it('Every program in ops/kubernetes is one that the build makes', () => {
  const sources = builtSources();
  const words = OVERLAYS.flatMap((overlay) => oursIn(overlay).flatMap((workload) => containerOf(workload).args ?? []));
  const programs = new Set(words.filter((word) => /^(?:\.\/)?dist\//.test(word)));
  expect(programs.size).toBeGreaterThanOrEqual(6);
  expect([...programs].filter((program) => !sources.includes(sourceOf(program)))).toEqual([]);
});

it.each(OVERLAYS)('Every process of the overlay %s is of one image, that of this version', (overlay) => {
  const images = new Set(oursIn(overlay).map((workload) => containerOf(workload).image));
  const { version } = JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8')) as { version: string };
  expect([...images].map((image) => image.split(':').at(-1))).toEqual([version]);
});

it('A pod in ops/kubernetes gets more time to stop than its process takes, and no variables of services', () => {
  for (const overlay of OVERLAYS) {
    const processes = oursIn(overlay).filter((workload) =>
      /\/(?:server|worker|combined)\.js$/.test(programOf(workload)),
    );
    for (const workload of processes.filter((one) => !programOf(one).includes('simulator'))) {
      const { shutdownDelayMs, shutdownGraceMs } = loadConfig(environmentIn(overlay, workload), { tokens: false });
      const grace = (workload.pod.terminationGracePeriodSeconds ?? 30) * 1_000;
      // Steps that are given up get 5 s, and closing some seconds more.
      expect(grace).toBeGreaterThanOrEqual(shutdownDelayMs + shutdownGraceMs + 10_000);
    }
    expect(workloadsOf(rendered[overlay]).filter(({ pod }) => pod.enableServiceLinks !== false)).toEqual([]);
  }
});

/** The table of docs/deployment.md: Secrets and ConfigMaps that an operator makes. */
function documentedSources(): Map<string, readonly string[]> {
  const text = readFileSync(join(PROJECT_FOLDER, 'docs/deployment.md'), 'utf8');
  const rows = text.matchAll(/^\| `([a-z-]+)`\s*\| (?:Secret|ConfigMap)\s*\|([^|]*)\|/gm);
  const keysIn = (cell: string): string[] => Array.from(cell.matchAll(/`([\w.]+)`/g), ([, key = '']) => key);
  return new Map(Array.from(rows, ([, name = '', cell = '']) => [name, keysIn(cell)]));
}

it('docs/deployment.md lists exactly the Secrets and ConfigMaps that production refers to and does not make', () => {
  const made = ofKind(rendered.production, 'Certificate').map(
    (certificate) => (certificate['spec'] as { secretName: string }).secretName,
  );
  const own = ofKind(rendered.production, 'ConfigMap').map(({ metadata }) => metadata.name);
  const found = [...referredSources(rendered.production)].filter((name) => ![...made, ...own].includes(name));
  expect(new Set(documentedSources().keys())).toEqual(new Set(found));
});

it('docs/deployment.md names every key of a Secret that a container of production reads', () => {
  const documented = documentedSources();
  const read = oursIn('production').flatMap((workload) =>
    (containerOf(workload).env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
  );
  expect(read.length).toBeGreaterThan(10);
  expect(read.filter(({ name, key }) => documented.get(name)?.includes(key) !== true)).toEqual([]);
});
