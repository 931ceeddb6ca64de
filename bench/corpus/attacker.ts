import { parentPort, Worker, workerData } from 'node:worker_threads';
import { ATTACKS, type Target } from './attacks.ts';

/**
 * An attack under way. It runs in a thread of its own, so that the neighbor does not measure the attacker's own work.
 */
export interface RunningAttack {
  /** Ends the attack; resolves with the answers of 500 and above that are not an honest 503. */
  stop(): Promise<readonly string[]>;
}

/** Starts an attack by its name. */
export function startAttack(name: string, target: Target): RunningAttack {
  const worker = new Worker(new URL(import.meta.url), { workerData: { name, target } });
  const told = new Promise<readonly string[]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  // The result is read when the attack is stopped; until then a failure must not end the process, which has much to
  // clean up.
  told.catch(() => {});
  return {
    stop: async () => {
      worker.postMessage('stop');
      const faults = await told;
      await worker.terminate();
      return faults;
    },
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const { name, target } = workerData as { readonly name: string; readonly target: Target };
  const attack = ATTACKS[name]?.start(target);
  port.once('message', () => {
    attack?.stop();
    port.postMessage(attack?.faults() ?? []);
  });
}
