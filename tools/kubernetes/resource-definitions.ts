import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadToolFolders } from '../../src/dev/dev-environment.ts';
import { findExecutable } from '../../src/dev/temporal/go-install.ts';

/** Releases of operators, with the definitions of the resources that the overlays use. */
const DEFINITIONS: Readonly<Record<string, readonly string[]>> = {
  'github.com/kedacore/keda/v2@v2.20.0': [
    'config/crd/bases/keda.sh_scaledobjects.yaml',
    'config/crd/bases/keda.sh_triggerauthentications.yaml',
  ],
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': [
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  ],
  'sigs.k8s.io/gateway-api@v1.5.0': [
    'config/crd/standard/gateway.networking.k8s.io_gateways.yaml',
    'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml',
    'config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml',
  ],
  'github.com/cert-manager/cert-manager@v1.20.0': [
    'deploy/crds/cert-manager.io_certificates.yaml',
    'deploy/crds/cert-manager.io_issuers.yaml',
  ],
  'github.com/temporalio/temporal-worker-controller@v1.8.1': [
    'helm/temporal-worker-controller-crds/templates/temporal.io_connections.yaml',
    'helm/temporal-worker-controller-crds/templates/temporal.io_workerdeployments.yaml',
    'helm/temporal-worker-controller-crds/templates/temporal.io_workerresourcetemplates.yaml',
  ],
};

/**
 * Paths of the files that define the custom resources. Go downloads the releases as modules, checks their sums and
 * keeps them; nothing of them is built.
 * @throws {Error} when there is no Go, or a release cannot be had.
 */
export async function findResourceDefinitions(): Promise<string[]> {
  const go = findExecutable('go', loadToolFolders(process.env).goSearchPath);
  if (go === null) throw new Error('the definitions of custom resources come as Go modules: https://go.dev/dl');
  // In the project's folder Go would obey a go.mod.
  const cwd = await mkdtemp(join(tmpdir(), 'order-saga-definitions-'));
  try {
    const { stdout } = await promisify(execFile)(go, ['mod', 'download', '-json', ...Object.keys(DEFINITIONS)], {
      cwd,
    });
    const modules = JSON.parse(`[${stdout.replaceAll(/^\}\n(?=\{)/gm, '},')}]`) as GoModule[];
    return modules.flatMap(({ Path, Version, Dir }) =>
      (DEFINITIONS[`${Path}@${Version}`] ?? []).map((file) => join(Dir, file)),
    );
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** The fields of `go mod download -json` that are read here, as Go spells them. */
interface GoModule {
  readonly Path: string;
  readonly Version: string;
  readonly Dir: string;
}
