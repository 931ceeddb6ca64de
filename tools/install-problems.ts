/** The parts of `package.json` that decide what is installed. */
export interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
  /** Packages whose install scripts were reviewed: run (true) or not (false). */
  readonly allowScripts?: Readonly<Record<string, boolean>>;
}

/**
 * The parts of `package-lock.json` that say where packages come from; keys are folders, for example `node_modules/pg`.
 */
export interface PackageLock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage extends Pick<PackageManifest, 'dependencies' | 'devDependencies'> {
  readonly version?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[\w.]+)?$|^file:/;

const ADDRESS = /^[a-z+]+:\/\//i;

/** Reasons why a fresh install would differ from the tested one, in words; empty when there are none. */
export function installProblems(manifests: Readonly<Record<string, PackageManifest>>, lock: PackageLock): string[] {
  const project = manifests['package.json'] ?? {};
  return [
    ...Object.entries(manifests).flatMap(([file, manifest]) => inexactVersions(file, manifest)),
    ...differences(project, lock),
    ...registryAddresses(lock),
    ...unknownInstallScripts(project, lock),
    ...protobufProblems(lock),
  ];
}

function inexactVersions(file: string, manifest: PackageManifest): string[] {
  const { dependencies, devDependencies, optionalDependencies, overrides } = manifest;
  const wanted = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies, ...overrides });
  return wanted
    .filter(([, version]) => !EXACT_VERSION.test(version))
    .map(([name, version]) => `${file}: ${name} is "${version}", which is no exact version`);
}

/** The files are compared here, because `npm ci` searches for minutes before it reports a difference. */
function differences(project: PackageManifest, { packages }: PackageLock): string[] {
  const wanted = { ...project.dependencies, ...project.devDependencies };
  const locked = { ...packages['']?.dependencies, ...packages['']?.devDependencies };
  return [...new Set([...Object.keys(wanted), ...Object.keys(locked)])]
    .filter((name) => wanted[name] !== locked[name])
    .map(
      (name) =>
        `package-lock.json: ${name} is ${locked[name] ?? 'absent'}, in package.json ${wanted[name] ?? 'absent'}`,
    );
}

/** A lockfile with addresses installs only from that registry, which others may not reach. */
function registryAddresses({ packages }: PackageLock): string[] {
  return Object.entries(packages)
    .filter(([, { resolved }]) => resolved !== undefined && ADDRESS.test(resolved))
    .map(([folder]) => `package-lock.json: ${folder} has an address (npm config omit-lockfile-registry-resolved)`);
}

/** A person must have reviewed the scripts that a package runs when it is installed. */
function unknownInstallScripts({ allowScripts = {} }: PackageManifest, { packages }: PackageLock): string[] {
  return Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([folder]) => nameOf(folder))
    .filter((name) => !(name in allowScripts))
    .map((name) => `package.json: ${name} has an install script, but allowScripts does not mention it`);
}

/**
 * The SDK's packages pass protobuf objects to each other, so they must share one copy: version 8, hoisted. The older
 * one below `@grpc/proto-loader` never meets them.
 */
function protobufProblems({ packages }: PackageLock): string[] {
  const problems: string[] = [];
  const hoisted = packages['node_modules/protobufjs']?.version ?? 'missing';
  if (!hoisted.startsWith('8.')) problems.push(`package-lock.json: the hoisted protobufjs is ${hoisted}, not 8`);
  for (const folder of Object.keys(packages)) {
    if (/node_modules\/@temporalio\/[^/]+\/node_modules\/protobufjs$/.test(folder)) {
      problems.push(`package-lock.json: ${folder} is a second copy for the SDK`);
    }
  }
  return problems;
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
