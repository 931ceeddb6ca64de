import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Config } from '../config.ts';
import type { Logger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics/metrics.ts';
import { startInternalListener } from './internal-listener.ts';

/** Starts the listener of a worker on a port that another process has. */
async function startOnTakenPort(isChosen: boolean) {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const config = { internal: { host: '127.0.0.1', port, isChosen }, worker: { metrics: null } } as unknown as Config;
  const info = vi.fn<(fields: { port: number }, text: string) => void>();
  const logger = { info, warn: () => {} } as unknown as Logger;
  return { port, info, starting: startInternalListener({ config, logger, metrics: createMetrics('test') }, false) };
}

it('A process refuses to start when the internal port that was set is taken', async () => {
  const { starting } = await startOnTakenPort(true);
  await expect(starting).rejects.toThrow('INTERNAL_PORT');
});

it('A process takes a free internal port when none was set and the usual one is taken', async () => {
  const { port, info, starting } = await startOnTakenPort(false);
  const listener = await starting;
  expect(info).toHaveBeenCalledWith({ port: expect.any(Number) }, 'listening for probes');
  expect(info.mock.calls[0]?.[0].port).not.toBe(port);
  await listener.close();
});
