import { setTimeout as sleep } from 'node:timers/promises';
import { processNames, productNames } from '../system/topology.ts';
import { processNamed, productNamed, type FaultKind } from './fault-kind.ts';

/** How long a restarted process may take until the next one follows. */
const READY_WITHIN_MS = 20_000;

/** A process is killed (SIGKILL), and started again after some time. */
const kill: FaultKind = {
  name: 'kill',
  restartsProduct: true,
  lengthMs: [300, 4_000],
  targets: processNames,
  begin: async ({ system, target }) => {
    const process = processNamed(system, target);
    await process.kill();
    return () => process.start();
  },
};

/** A process is frozen with its children (SIGSTOP), and goes on where it was (SIGCONT). */
const freeze: FaultKind = {
  name: 'freeze',
  lengthMs: [500, 8_000],
  targets: processNames,
  begin: async ({ system, target }) => {
    const process = processNamed(system, target);
    process.freeze();
    return async () => process.thaw();
  },
};

/** A process is stopped in order and started again, as by a deployment. */
const restart: FaultKind = {
  name: 'restart',
  restartsProduct: true,
  lengthMs: [200, 2_000],
  targets: processNames,
  begin: async ({ system, target }) => {
    const process = processNamed(system, target);
    await process.stop();
    return () => process.start();
  },
};

/** All processes are killed at the same moment, and started again at the same moment. */
const killEverything: FaultKind = {
  name: 'kill-everything',
  restartsProduct: true,
  lengthMs: [500, 2_000],
  targets: () => ['everything'],
  claims: () => ['*'],
  begin: async ({ system }) => {
    const { processes } = system.controls;
    await Promise.all(processes.map((process) => process.kill()));
    return async () => {
      await Promise.all(processes.map((process) => process.start()));
    };
  },
};

/** The product's processes are stopped in order and started again one after another, each when the one before serves. */
const rollingRestart: FaultKind = {
  name: 'rolling-restart',
  restartsProduct: true,
  lengthMs: [6_000, 12_000],
  targets: () => ['product'],
  claims: (_, topology) => productNames(topology),
  begin: async ({ system, signal }) => {
    const restarts = (async () => {
      for (const process of system.controls.product) {
        if (signal.aborted) return;
        await process.stop();
        await process.start();
        await process.untilServing(AbortSignal.timeout(READY_WITHIN_MS)).catch(() => {});
      }
    })();
    restarts.catch(() => {});
    return () => restarts;
  },
};

/** A process is killed as soon as it comes up, again and again. */
const crashLoop: FaultKind = {
  name: 'crash-loop',
  restartsProduct: true,
  lengthMs: [3_000, 8_000],
  targets: productNames,
  begin: async ({ system, target, random, signal }) => {
    const process = productNamed(system, target);
    const crashes = (async () => {
      while (!signal.aborted) {
        await process.kill();
        await process.start();
        await sleep(random.between(500, 2_500), undefined, { signal }).catch(() => {});
      }
    })();
    crashes.catch(() => {});
    return async () => {
      await crashes;
      await process.start();
    };
  },
};

/** Faults of whole processes. */
export const PROCESS_FAULTS: readonly FaultKind[] = [kill, freeze, restart, killEverything, rollingRestart, crashLoop];
