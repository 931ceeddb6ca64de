import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { PROJECT_FOLDER } from '../../src/dev/data-folder.ts';
import { loadToolFolders } from '../../src/dev/dev-environment.ts';
import { findExecutable } from '../../src/dev/temporal/go-install.ts';
import { buildGoTool, KUSTOMIZE } from '../go-tools.ts';

/** The overlays of `ops/kubernetes/overlays/`. */
export const OVERLAYS = ['dev', 'production', 'cloud', 'worker-controller'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** A Kubernetes object as an overlay renders it; what is in it depends on its kind. */
export interface KubernetesDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** What kustomize makes of an overlay. */
export interface RenderedOverlay {
  readonly text: string;
  readonly documents: readonly KubernetesDocument[];
}

/**
 * Renders an overlay.
 * @throws {Error} in the words of kustomize.
 */
export async function renderOverlay(overlay: Overlay): Promise<RenderedOverlay> {
  const [program, ...args] = await findKustomize();
  const folder = join(PROJECT_FOLDER, 'ops/kubernetes/overlays', overlay);
  const { stdout: text } = await promisify(execFile)(program, [...args, folder], { maxBuffer: 16_000_000 });
  const documents = parseAllDocuments(text).map((document) => document.toJS() as KubernetesDocument);
  return { text, documents };
}

/** `kustomize`, else the one in `kubectl`, else one that is built with Go. */
async function findKustomize(): Promise<readonly [program: string, ...args: string[]]> {
  const { searchPath } = loadToolFolders(process.env);
  const kustomize = findExecutable('kustomize', searchPath);
  if (kustomize !== null) return [kustomize, 'build'];
  const kubectl = findExecutable('kubectl', searchPath);
  if (kubectl !== null) return [kubectl, 'kustomize'];
  return [join(await buildGoTool(KUSTOMIZE), 'kustomize'), 'build'];
}
