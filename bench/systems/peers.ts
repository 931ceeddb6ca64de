import { join } from 'node:path';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import { startProcess, type StopStage } from '../../src/dev/processes/processes.ts';
import { untilListening, untilReady } from '../../src/dev/processes/readiness.ts';
import type { Cleanup } from '../cleanup.ts';
import { readyLimit, type Stage } from '../environment.ts';
import { installRestateServer } from '../peers/restate/restate-server.ts';
import type { System } from './system.ts';
import { startService } from './yardsticks.ts';

const PEER = { scope: 'smaller', usesTemporal: false } as const;

/** Restate syncs its stores, and hands its log over, before it ends. */
const STOP: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

/** The same steps on DBOS, whose tables are beside those of the orders. */
export function createDbosSystem(): System {
  return {
    name: 'dbos',
    description: 'one process, a DBOS workflow with four steps, on the same PostgreSQL',
    ...PEER,
    start: async (stage, cleanup) => {
      const program = { name: 'dbos', args: ['bench/peers/dbos/main.ts'] };
      const { port, limit, url, counted, stop } = await startService(program, stage, cleanup);
      await untilListening(port, limit);
      return { url, taskQueue: null, processes: [counted], stop };
    },
  };
}

/** The same steps on Restate, whose server keeps its journal in the folder of the round. */
export function createRestateSystem(log: (line: string) => void): System {
  return {
    name: 'restate',
    description: 'a Restate workflow with four steps in one process, and the Restate server',
    ...PEER,
    start: async (stage, cleanup) => {
      const server = await startRestateServer(await installRestateServer(log), stage, cleanup);
      const handlerPort = await findFreePort();
      const env = { READY_PORT: String(handlerPort), RESTATE_URL: server.ingressUrl };
      const program = { name: 'service', args: ['bench/peers/restate/main.ts'], env };
      const service = await startService(program, stage, cleanup);
      await Promise.all([service.port, handlerPort].map((port) => untilListening(port, service.limit)));
      await registerHandlers(server.adminUrl, `http://${LOOPBACK}:${handlerPort}`);
      return {
        url: service.url,
        taskQueue: null,
        processes: [service.counted, { name: 'restate', pid: server.pid }],
        storeFolder: server.storeFolder,
        stop: async () => {
          await service.stop();
          await server.stop();
        },
      };
    },
  };
}

/** A server of one node with its default durability: each record is on the disk before it counts. */
async function startRestateServer(command: string, { folder }: Stage, cleanup: Cleanup) {
  const [ingress, admin, node] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const storeFolder = join(folder, 'restate');
  const started = await startProcess({
    name: 'restate',
    command,
    args: ['--no-logo', '--node-name', 'bench', '--base-dir', storeFolder],
    env: {
      PATH: '/usr/bin:/bin',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: LOOPBACK,
      RESTATE_BIND_PORT: String(node),
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
      RESTATE_DISABLE_TELEMETRY: 'true',
    },
    logFile: join(folder, 'restate.log'),
  });
  const stopServer = async (): Promise<void> => void (await started.stop(STOP));
  await cleanup.add(stopServer);
  const adminUrl = `http://${LOOPBACK}:${admin}`;
  const limit = readyLimit(started, START_LIMIT_MS);
  await untilReady(`${adminUrl}/health`, limit);
  await untilListening(ingress, limit);
  return { pid: started.pid, storeFolder, adminUrl, ingressUrl: `http://${LOOPBACK}:${ingress}`, stop: stopServer };
}

/** Tells the server where the handlers are; it asks them which ones they are. */
async function registerHandlers(adminUrl: string, uri: string): Promise<void> {
  const answer = await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });
  if (!answer.ok) throw new Error(`Restate did not register the handlers: ${answer.status} ${await answer.text()}`);
}
