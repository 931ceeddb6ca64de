import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProfileSink, type ProfileSink } from '../support/http/profile-sink.ts';
import { startApiProcess } from '../support/processes/another-api.ts';
import { startTestSystem, type TestSystem } from '../support/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({ worker: false });
});
afterAll(() => system.stop());

/** Some orders through a process that runs API and worker, and sends profiles; answers how long its end took. */
async function playOrders(sink: ProfileSink): Promise<number> {
  const env = {
    PYROSCOPE_SERVER_ADDRESS: sink.url,
    PYROSCOPE_FLUSH_INTERVAL_MS: '1000',
    WORKER_QUEUES: 'orders,inventory,payments,notifications',
  };
  const combined = await startApiProcess(system, env, 'src/combined.ts');
  const orderIds = await Promise.all(Array.from({ length: 20 }, () => combined.postOrder()));
  for (const orderId of orderIds) {
    expect(await combined.orderAtRest(orderId)).toMatchObject({ status: 'CONFIRMED' });
  }
  const stopping = performance.now();
  await combined.stop();
  return performance.now() - stopping;
}

it('A process with a server of profiles sends CPU and heap of its main thread, and not of its workflow threads', async () => {
  const sink = await startProfileSink();
  await playOrders(sink);
  const kinds = sink.profiles.flatMap((profile) => profile.kinds);
  expect(kinds).toEqual(expect.arrayContaining(['wall', 'cpu', 'inuse_objects', 'inuse_space']));
  for (const { name } of sink.profiles) expect(name).toMatch(/^order-saga-combined/);
  const functions = [...new Set(sink.profiles.flatMap((profile) => [...profile.functions]))];
  const seen = (part: string): boolean => functions.some((each) => each.includes(part));
  // Statements and steps run in the main thread.
  expect({ statements: seen('/db/client.ts'), steps: seen('/src/activities/') }).toEqual({
    statements: true,
    steps: true,
  });
  // The SDK loads the workflows' code once in the main thread, for debuggers; only their own threads run it.
  expect(functions.filter((each) => /:(orderWorkflow|runOrder|runCancellable):/.test(each))).toEqual([]);
  await sink.close();
});

it('A server of profiles that hangs holds up no order and no end of a process', async () => {
  const sink = await startProfileSink();
  sink.hang();
  expect(await playOrders(sink)).toBeLessThan(10_000);
  expect(sink.posts()).toBeGreaterThan(0);
  await sink.close();
});
