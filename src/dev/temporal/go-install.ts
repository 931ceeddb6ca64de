import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createProgress, type Terminal } from '../processes/progress.ts';

/** The last lines of a failed build that are shown. */
const SHOWN_LINES = 12;

/** A folder of an unfinished build that is older than this belongs to a build that was killed. */
const ABANDONED_AFTER_MS = 3_600_000;

/** What to build and where to put it. */
export interface GoInstallOptions {
  readonly go: string;
  /** Shown while it runs: `building the Temporal CLI`. */
  readonly title: string;
  /** Packages with versions: `github.com/temporalio/cli/cmd/temporal@v1.5.1`; in a `module`, packages of its `go.mod`. */
  readonly packages: readonly string[];
  /** Folder of a Go module of this project, whose `go.mod` says the versions. */
  readonly module?: string;
  /** Folder that gets the programs. */
  readonly into: string;
  readonly log: (line: string) => void;
  readonly terminal: Terminal;
  readonly signal?: AbortSignal | undefined;
}

/** The first executable file of this name in the folders. */
export function findExecutable(name: string, folders: readonly string[]): string | null {
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** Whether this is a file that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Builds programs with `go install`. They are built in a separate folder and moved one by one when all are complete: an
 * interrupted build leaves nothing, and two builders of the same programs do not disturb each other.
 * @throws {Error} with the end of the compiler's output.
 */
export async function goInstall(options: GoInstallOptions): Promise<void> {
  const aside = makeFolderAside(options.into);
  const progress = createProgress(options);
  try {
    await build(options, aside, (line) => {
      progress.update(describeGoLine(line));
    });
    mkdirSync(options.into, { recursive: true });
    const programs = join(aside, 'bin');
    for (const program of readdirSync(programs)) renameSync(join(programs, program), join(options.into, program));
  } finally {
    progress.end();
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The folder is on the same disk as the target, so that moving is a rename. */
function makeFolderAside(into: string): string {
  const parent = dirname(into);
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name);
    if (!name.startsWith('.building-')) continue;
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true });
  }
  return mkdtempSync(join(parent, '.building-'));
}

async function build(options: GoInstallOptions, aside: string, onLine: (line: string) => void): Promise<void> {
  options.signal?.throwIfAborted();
  // Go's own scratch files are there, too, so that a killed build leaves none elsewhere.
  const scratch = join(aside, 'tmp');
  mkdirSync(scratch);
  // `env` adds variables to the environment that the child inherits.
  const variables = [`GOBIN=${join(aside, 'bin')}`, `GOTMPDIR=${scratch}`];
  const child = spawn('env', [...variables, options.go, 'install', '-v', ...options.packages], {
    // With versions in the packages, Go must find no go.mod.
    cwd: options.module ?? aside,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = (): void => {
    stopGroup(child);
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    onLine(line);
    last.push(line);
    if (last.length > SHOWN_LINES) last.shift();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  options.signal?.removeEventListener('abort', stop);
  options.signal?.throwIfAborted();
  if (code !== 0) throw new Error(`go install failed:\n${last.join('\n')}`);
}

/** The compilers that `go` has started must end with it. */
function stopGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  } catch {
    // The process has ended already.
  }
}

/** `go install -v` writes `go: downloading MODULE VERSION`, and later the name of each package that it compiles. */
function describeGoLine(line: string): string {
  return line.startsWith('go: ') ? line.slice('go: '.length) : `compiling ${line}`;
}
