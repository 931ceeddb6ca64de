import { join } from 'node:path';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { loadToolFolders } from '../src/dev/dev-environment.ts';
import { findExecutable, goInstall, isExecutable } from '../src/dev/temporal/go-install.ts';

/** A program that is built with Go once and then stays in the user's cache. */
export interface GoTool {
  /** Name and version: the folder of the cache. */
  readonly release: string;
  readonly packages: readonly string[];
  /** What the packages are built to. */
  readonly programs: readonly string[];
  /** Folder in `tools/` with a `go.mod` that says the versions. */
  readonly module?: string;
  /** Shown while it is built: `12 CPU seconds`. */
  readonly cost: string;
}

export const KUSTOMIZE: GoTool = {
  release: 'kustomize-5.8.2',
  // 5.8.3 wants Go 1.27.
  packages: ['sigs.k8s.io/kustomize/kustomize/v5@v5.8.2'],
  programs: ['kustomize'],
  cost: '17 CPU seconds',
};

export const KUBE_SCORE: GoTool = {
  release: 'kube-score-1.20.0',
  packages: ['github.com/zegl/kube-score/cmd/kube-score@v1.20.0'],
  programs: ['kube-score'],
  cost: '33 CPU seconds',
};

/** `kube-apiserver` and the `kubectl` of its release. */
export const KUBE_APISERVER: GoTool = {
  release: 'kubernetes-1.36.3',
  packages: ['tool'],
  programs: ['kube-apiserver', 'kubectl'],
  module: 'kube-apiserver',
  cost: '7 CPU minutes',
};

/** The loader of `docker compose` and the linter of `docker build --check`, as programs of this project. */
export const CONTAINER_CHECKS: GoTool = {
  // A change of the module needs another number: what is in the cache is not built again.
  release: 'container-checks-1',
  packages: ['./cmd/...'],
  programs: ['check-compose', 'check-dockerfile'],
  module: 'container-checks',
  cost: '36 CPU seconds',
};

/** There is no Go to build a program with. */
class GoUnavailableError extends Error {
  constructor({ release }: GoTool) {
    super(`building ${release} needs Go 1.26 or newer: https://go.dev/dl`);
    this.name = 'GoUnavailableError';
  }
}

/**
 * Builds the tool unless it is cached, and returns the folder of its programs.
 * @throws {GoUnavailableError}
 */
export async function buildGoTool(tool: GoTool): Promise<string> {
  const { cacheFolder, goSearchPath } = loadToolFolders(process.env);
  const into = join(cacheFolder, tool.release);
  if (tool.programs.every((program) => isExecutable(join(into, program)))) return into;
  const go = findExecutable('go', goSearchPath);
  if (go === null) throw new GoUnavailableError(tool);
  const title = `building ${tool.release} (once, ${tool.cost})`;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const module = tool.module === undefined ? {} : { module: join(PROJECT_FOLDER, 'tools', tool.module) };
  await goInstall({ go, title, packages: tool.packages, into, log, terminal: process.stderr, ...module });
  return into;
}
