import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { PROJECT_FOLDER } from '../../../src/dev/data-folder.ts';
import { findFreePort } from '../../../src/dev/processes/ports.ts';
import { startProcess } from '../../../src/dev/processes/processes.ts';

const run = promisify(execFile);

/** Prometheus and its tool for rules. */
export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Why there is no Prometheus on this machine, for the message of a skipped test. */
class NoPrometheusError extends Error {}

/** Debian's package, unpacked; no service starts, and nothing is installed. */
const FOLDER = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'order-saga', 'prometheus-debian');

const DOWNLOAD_LIMIT_MS = 120_000;

let found: Promise<PrometheusPrograms> | undefined;

/**
 * Finds Prometheus on the PATH or in the user's cache, which Debian's `apt-get download` fills the first time. Where there
 * is none, the test is skipped and says why.
 */
export async function requirePrometheus(context: TestContext): Promise<PrometheusPrograms> {
  found ??= find();
  try {
    return await found;
  } catch (error) {
    if (!(error instanceof NoPrometheusError)) throw error;
    console.warn(`skipped: ${error.message}`);
    return context.skip(error.message);
  }
}

async function find(): Promise<PrometheusPrograms> {
  const onPath = (process.env['PATH'] ?? '').split(':');
  for (const folder of [...onPath, join(FOLDER, 'usr/bin')]) {
    const programs = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
    if (existsSync(programs.prometheus) && existsSync(programs.promtool)) return programs;
  }
  try {
    await unpackDebianPackage();
  } catch (error) {
    throw new NoPrometheusError(`no Prometheus on the PATH, and apt-get has none: ${String(error)}`, { cause: error });
  }
  return { prometheus: join(FOLDER, 'usr/bin/prometheus'), promtool: join(FOLDER, 'usr/bin/promtool') };
}

/** Two tests at once do not disturb each other: the one that is ready later finds the folder there. */
async function unpackDebianPackage(): Promise<void> {
  mkdirSync(join(FOLDER, '..'), { recursive: true });
  const aside = mkdtempSync(`${FOLDER}-`);
  try {
    const options = { cwd: aside, timeout: DOWNLOAD_LIMIT_MS };
    await run('apt-get', ['download', 'prometheus'], options);
    const [archive = ''] = readdirSync(aside).filter((name) => name.endsWith('.deb'));
    await run('dpkg-deb', ['-x', archive, 'content'], options);
    if (!existsSync(FOLDER)) renameSync(join(aside, 'content'), FOLDER);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** An alert as Prometheus tells it. */
export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
}

/** A Prometheus with the shipped rules that scrapes some processes. */
export interface TestPrometheus {
  readonly url: string;
  /** The alerts that fire now; those that wait for their time are not among them. */
  firing(): Promise<readonly ActiveAlert[]>;
  stop(): Promise<void>;
}

/** Starts Prometheus with the shipped rules; `targets` are addresses without `http://`. */
export async function startPrometheus({
  prometheus,
  targets,
  seconds,
}: {
  readonly prometheus: string;
  readonly targets: readonly string[];
  /** From one scrape and one evaluation to the next. */
  readonly seconds: number;
}): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'order-saga-prometheus-'));
  const configuration = {
    global: { scrape_interval: `${seconds}s`, scrape_timeout: `${seconds}s`, evaluation_interval: `${seconds}s` },
    rule_files: [join(PROJECT_FOLDER, 'ops/prometheus/rules.yml')],
    scrape_configs: [{ job_name: 'order-saga', static_configs: [{ targets }] }],
  };
  // YAML contains JSON.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(configuration));
  const url = `http://127.0.0.1:${await findFreePort()}`;
  const server = await startProcess({
    name: 'prometheus',
    command: prometheus,
    args: [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${url.slice('http://'.length)}`,
    ],
    env: {},
    logFile: join(folder, 'prometheus.log'),
  });
  await untilTrue(async () => (await fetch(`${url}/-/ready`).catch(() => null))?.status === 200, READY_LIMIT_MS);
  const ask = async <Data>(path: string): Promise<Data> => {
    const answer = await fetch(`${url}/api/v1/${path}`);
    return ((await answer.json()) as { data: Data }).data;
  };
  return {
    url,
    firing: async () => {
      const { alerts } = await ask<{ alerts: (ActiveAlert & { state: string })[] }>('alerts');
      return alerts.filter(({ state }) => state === 'firing');
    },
    stop: async () => {
      await server.stop([{ signal: 'SIGTERM', waitMs: 10_000 }]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const READY_LIMIT_MS = 20_000;
const POLL_MS = 200;

/** Resolves with the seconds that it took until the condition was true; null when it was not in time. */
export async function untilTrue(condition: () => Promise<boolean>, limitMs: number): Promise<number | null> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < limitMs) {
    if (await condition()) return (performance.now() - startedAt) / 1_000;
    await sleep(POLL_MS);
  }
  return null;
}

/** Resolves with the seconds until the alert fires, or fires no longer. */
export function untilAlert(
  prometheus: TestPrometheus,
  name: string,
  { fires, limitMs }: { readonly fires: boolean; readonly limitMs: number },
): Promise<number | null> {
  return untilTrue(async () => {
    const firing = await prometheus.firing();
    return firing.some(({ labels }) => labels['alertname'] === name) === fires;
  }, limitMs);
}
