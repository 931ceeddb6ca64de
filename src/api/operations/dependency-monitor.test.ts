import { expect, it, onTestFinished, vi } from 'vitest';
import { createDependencyMonitor } from './dependency-monitor.ts';

const TIMES = { intervalMs: 20, answerWithinMs: 50, secondAskMs: 1 };
const fine = (): Promise<void> => Promise.resolve();

/** Starts a monitor of dependencies that all answer, but for what a test replaces. */
function watch({ ping = fine, answered = false, askDatabase = fine }) {
  const monitor = createDependencyMonitor({
    databases: { ping: askDatabase },
    paymentGateway: { ping, answeredWithin: () => answered },
    mail: { ping: fine },
    times: TIMES,
  });
  monitor.start();
  onTestFinished(monitor.stop);
  return monitor;
}

it('A dependency that answers the second time is up', async () => {
  const askDatabase = vi.fn<typeof fine>(fine).mockRejectedValueOnce(new Error('a blip'));
  const monitor = watch({ askDatabase });
  await vi.waitFor(() => expect(askDatabase.mock.calls.length).toBeGreaterThan(2));
  expect(monitor.last().database).toBe(true);
});

it('A dependency that hangs is down, and up again as soon as it answers', async () => {
  let hangs = true;
  const monitor = watch({ askDatabase: () => (hangs ? new Promise(() => {}) : fine()) });
  await vi.waitFor(() => expect(monitor.last()).toEqual({ database: false, payment_gateway: true, mail: true }));
  hangs = false;
  await vi.waitFor(() => expect(monitor.last().database).toBe(true));
});

it('A payment provider that answers calls of the process is not asked', async () => {
  const ping = vi.fn<typeof fine>(fine);
  const askDatabase = vi.fn<typeof fine>(fine);
  const monitor = watch({ ping, askDatabase, answered: true });
  await vi.waitFor(() => expect(askDatabase.mock.calls.length).toBeGreaterThan(2));
  expect(ping).not.toHaveBeenCalled();
  expect(monitor.last().payment_gateway).toBe(true);
});
