import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hasApi, hasWorker, productNames, type Topology } from '../system/topology.ts';
import { productNamed, type FaultKind, type FaultStart, type Heal } from './fault-kind.ts';

/** Where Debian's package installs it. */
const FAKETIME = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

const READY_WITHIN_MS = 15_000;

/** Restarts a process in order with other variables, and later with its own again. */
async function restartedWith(
  { system, target }: FaultStart,
  variables: Readonly<Record<string, string>>,
): Promise<Heal> {
  const process = productNamed(system, target);
  const restart = async (changes: Readonly<Record<string, string | null>>): Promise<void> => {
    await process.stop();
    process.change(changes);
    await process.start();
  };
  await restart(variables);
  await process.untilServing(AbortSignal.timeout(READY_WITHIN_MS)).catch(() => {});
  return () => restart(Object.fromEntries(Object.keys(variables).map((name) => [name, null])));
}

/**
 * Processes that take part: in `split` the workers. A process that clients reach would refuse their tokens when its
 * clock were behind, so clocks are ahead only.
 */
function workersOf(topology: Topology): readonly string[] {
  const workers = productNames(topology).filter((name) => hasWorker(name));
  const apart = workers.filter((name) => !hasApi(name));
  // The first combined process gets the provider's reports, which a wrong clock would refuse.
  return apart.length > 0 ? apart : workers.slice(1);
}

const clockSkew: FaultKind = {
  name: 'clock-ahead',
  restartsProduct: true,
  lengthMs: [4_000, 10_000],
  targets: workersOf,
  begin: (start) => {
    const seconds = start.random.between(60, 5_400);
    return restartedWith(
      start,
      FAKETIME === undefined
        ? {
            NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'clock-ahead.ts')).href}`,
            CLOCK_AHEAD_MS: String(seconds * 1_000),
          }
        : {
            LD_PRELOAD: FAKETIME,
            FAKETIME: `+${seconds}s`,
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
            DONT_FAKE_MONOTONIC: '1',
          },
    );
  },
};

/** Settings that may change from one start to the next. */
const OTHER_SETTINGS: readonly Readonly<Record<string, string>>[] = [
  { ORDER_FAST_PATH: 'stepwise' },
  { STEP_PLACEMENT: 'payment=queue,inventory=queue,notification=queue' },
  { STEP_PLACEMENT: 'payment=queue' },
  { EAGER_SLOTS: '1' },
  { DATABASE_POOL_SIZE: '4' },
  { WORKFLOW_SANDBOX: 'standard' },
  { HOLD_TTL_SECONDS: '3600', CANCEL_WINDOW_MINUTES: '5' },
  { BACKLOG_MAX_AGE_SECONDS: '2' },
  { RATE_LIMIT_PER_SECOND: '20' },
];

const settingsChanged: FaultKind = {
  name: 'settings-changed',
  restartsProduct: true,
  lengthMs: [4_000, 10_000],
  targets: productNames,
  begin: (start) => restartedWith(start, start.random.pick(OTHER_SETTINGS)),
};

/**
 * The workflow code of a release with a bug: in the text of the bundle, the first line of `orderWorkflow`. `fails`
 * throws at once. `does-not-replay` waits for a timer that no history has, whenever it replays one.
 */
const BUGS = {
  fails: "throw new TypeError('a bug of this release');",
  'does-not-replay':
    'if (globalThis.__TEMPORAL_ACTIVATOR__?.info?.unsafe?.isReplaying) { await new Promise((resolve) => setTimeout(resolve, 1)); }',
} as const;

const ENTRY = /async function orderWorkflow\(input\) \{/;

/** Writes the bundle of a release with this bug. @throws {Error} when the entry is not found in the bundle. */
async function badBundle(bundle: string, bug: keyof typeof BUGS): Promise<string> {
  const path = `${bundle}.${bug}.js`;
  if (existsSync(path)) return path;
  const text = await readFile(bundle, 'utf8');
  if (!ENTRY.test(text)) throw new Error('the bundle has no orderWorkflow');
  await writeFile(
    path,
    text.replace(ENTRY, (line) => `${line}\n${BUGS[bug]}`),
  );
  return path;
}

function badDeploy(bug: keyof typeof BUGS): FaultKind {
  return {
    name: bug === 'fails' ? 'bad-deploy-fails' : 'bad-deploy-does-not-replay',
    restartsProduct: true,
    lengthMs: [4_000, 8_000],
    targets: (topology) => productNames(topology).filter((name) => hasWorker(name)),
    begin: async (start) =>
      restartedWith(start, { WORKFLOW_BUNDLE: await badBundle(start.system.controls.bundle, bug) }),
  };
}

/** Releases, settings and machines that are not as they should be. */
export const DEPLOYMENT_FAULTS: readonly FaultKind[] = [
  clockSkew,
  settingsChanged,
  badDeploy('fails'),
  badDeploy('does-not-replay'),
];
