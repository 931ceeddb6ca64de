import { randomInt } from 'node:crypto';
import { portIsFree } from '../../src/dev/processes/ports.ts';

/** Below the range that the system uses for outgoing connections, so nobody takes the port before it is used. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** A free port that stays free until it is used, even when a killed service comes back to it. */
export async function findTestPort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await portIsFree(port)) return port;
  }
}
