import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { takeArguments } from '../../src/runtime/command-arguments.ts';
import { KubectlError, startApiServer, type ApiServer } from './api-server.ts';
import { scoreOverlay } from './kube-score.ts';
import { OVERLAYS, renderOverlay, type Overlay, type RenderedOverlay } from './overlays.ts';
import { PLANTED_MISTAKES, type PlantedMistake } from './planted-mistakes.ts';
import { findResourceDefinitions } from './resource-definitions.ts';

const USAGE = `npm run verify:kubernetes
  Judges the overlays of ops/kubernetes by kube-score, and by a dry run on a real Kubernetes API server without nodes, which
  must also refuse planted mistakes. Needs Go, and an etcd or Debian's apt-get. The first run builds the server (7 CPU
  minutes) into the user's cache; later ones take about a minute.`;

const log = (line: string): void => void process.stderr.write(`${line}\n`);

type Rendered = Readonly<Record<Overlay, RenderedOverlay>>;

async function renderAll(): Promise<Rendered> {
  const entries: [Overlay, RenderedOverlay][] = [];
  for (const overlay of OVERLAYS) entries.push([overlay, await renderOverlay(overlay)]);
  return Object.fromEntries(entries) as Rendered;
}

/** The API server must know the kinds, and Pod Security looks at the labels of a namespace that exists. */
async function prepare({ kubectl }: ApiServer): Promise<void> {
  const definitions = await findResourceDefinitions();
  await kubectl(['create', ...definitions.flatMap((file) => ['-f', file])]);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  await kubectl(['create', '-f', join(PROJECT_FOLDER, 'ops/kubernetes/base/namespace.yaml')]);
}

/** What docs/deployment.md applies first: everything but the processes, which need the new schema. */
const BEFORE_PROCESSES = 'app.kubernetes.io/component notin (api, worker, combined)';

/** Why the first half of a release would not do; null if it has the migration with its settings, and no process. */
async function judgeFirstHalf({ kubectl }: ApiServer, overlay: Overlay): Promise<string | null> {
  const folder = join(PROJECT_FOLDER, 'ops/kubernetes/overlays', overlay);
  const what = ['apply', '--dry-run=server', '-k', folder, '--selector', BEFORE_PROCESSES, '-o', 'name'];
  const names = (await kubectl(what)).split('\n');
  const needed = ['job.batch/migrate', 'serviceaccount/migrate', 'networkpolicy.networking.k8s.io/allow-dns'];
  const missing = needed.filter((name) => !names.includes(name));
  if (missing.length > 0 || !names.some((name) => name.startsWith('configmap/settings-'))) {
    return `${overlay}: the migration would miss ${missing.join(', ') || 'its settings'}`;
  }
  const early = names.filter((name) => /^(?:deployment.apps\/(?:api|worker|combined)|workerdeployment)/.test(name));
  return early.length === 0 ? null : `${overlay}: ${early.join(', ')} would not wait for the migration`;
}

/** A warning counts as a refusal: Pod Security only warns of a Deployment whose pods it would refuse. */
async function dryRun({ kubectl }: ApiServer, text: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-overlay-'));
  try {
    const file = join(folder, 'overlay.yaml');
    await writeFile(file, text);
    await kubectl(['apply', '--dry-run=server', '--validate=strict', '--warnings-as-errors', '-f', file]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The document of an overlay with the mistake in it.
 * @throws {Error} when the overlay no longer has the text: the mistake would be none.
 */
function plant({ kind, text, mistake, what }: PlantedMistake, overlay: RenderedOverlay): string {
  const documents = overlay.text.split(/^---\n/m);
  const document = documents.find((candidate) => candidate.includes(`\nkind: ${kind}\n`) && text.test(candidate));
  if (document === undefined) throw new Error(`no ${kind} has what is needed for "${what}"`);
  return document.replace(text, mistake);
}

/** Whether the server refuses it; another failure of kubectl is thrown on. */
async function isRefused(server: ApiServer, text: string): Promise<boolean> {
  try {
    await dryRun(server, text);
    return false;
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    // A mistake that YAML itself does not survive would prove nothing.
    parse(text);
    return true;
  }
}

async function judgeByServer(server: ApiServer, rendered: Rendered): Promise<string[]> {
  const problems: string[] = [];
  await prepare(server);
  for (const overlay of OVERLAYS) {
    const { text, documents } = rendered[overlay];
    const refusal = await dryRun(server, text).catch((error: unknown) => String(error));
    if (refusal === undefined) log(`${overlay}: the API server takes ${documents.length} objects`);
    else problems.push(`${overlay}: ${refusal}`);
    const order = await judgeFirstHalf(server, overlay);
    if (order !== null) problems.push(order);
  }
  const missed: string[] = [];
  for (const planted of PLANTED_MISTAKES) {
    if (!(await isRefused(server, plant(planted, rendered[planted.overlay])))) missed.push(planted.what);
  }
  const found = PLANTED_MISTAKES.length - missed.length;
  log(`planted mistakes: the API server refuses ${found} of ${PLANTED_MISTAKES.length}`);
  return [...problems, ...missed.map((what) => `the API server takes ${what}`)];
}

async function judgeByScore(rendered: Rendered): Promise<string[]> {
  const problems: string[] = [];
  for (const overlay of OVERLAYS) {
    const found = await scoreOverlay(rendered[overlay]);
    if (found.length === 0) log(`${overlay}: kube-score has no complaint`);
    problems.push(...found.map((line) => `${overlay}: ${line}`));
  }
  return problems;
}

// Entry of `npm run verify:kubernetes`.
takeArguments(USAGE, { options: {} });
const begun = performance.now();
const rendered = await renderAll();
const problems = await judgeByScore(rendered);
const server = await startApiServer();
try {
  problems.push(...(await judgeByServer(server, rendered)));
} finally {
  await server.stop();
}
const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
log(
  problems.length === 0
    ? `The overlays hold, after ${seconds} s.`
    : `${problems.length} problem(s):\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
