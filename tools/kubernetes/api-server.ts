import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { startProcess, type ManagedProcess } from '../../src/dev/processes/processes.ts';
import { findEtcd } from './etcd.ts';
import { buildGoTool, KUBE_APISERVER } from '../go-tools.ts';

/** The API server answers after 8 s on two idle cores. */
const READY_LIMIT_MS = 120_000;

/** A Kubernetes API server without nodes: it checks and stores objects, and runs nothing. */
export interface ApiServer {
  /**
   * Runs `kubectl` against it and returns its output.
   * @throws {KubectlError} when it fails or the server refuses.
   */
  kubectl(args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** What the server refused, in kubectl's words. */
export class KubectlError extends Error {
  constructor(args: readonly string[], output: string) {
    super(`kubectl ${args[0]} failed:\n${output}`);
    this.name = 'KubectlError';
  }
}

/** Starts etcd and an API server on free ports, with everything that they write in a folder of their own. */
export async function startApiServer(): Promise<ApiServer> {
  const programs = await buildGoTool(KUBE_APISERVER);
  const etcdProgram = await findEtcd();
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-kubernetes-'));
  const running: ManagedProcess[] = [];
  const stop = async (): Promise<void> => {
    // The API server takes over a minute to stop by SIGTERM, and nothing of it is needed again.
    for (const child of running.toReversed()) await child.stop([{ signal: 'SIGKILL', waitMs: 5_000 }]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const etcd = await startEtcd(etcdProgram, folder);
    running.push(etcd.process);
    const token = randomBytes(16).toString('hex');
    const port = await findFreePort();
    const args = await serverArguments({ folder, etcdUrl: etcd.url, port, token });
    const command = join(programs, 'kube-apiserver');
    const server = await startProcess({ name: 'kube-apiserver', command, args, logFile: join(folder, 'server.log') });
    running.push(server);
    const access = [`--server=https://127.0.0.1:${port}`, `--token=${token}`, '--insecure-skip-tls-verify'];
    const kubectl = createKubectl(join(programs, 'kubectl'), access, folder);
    await untilReady(server, () => kubectl(['get', '--raw=/readyz']));
    return { kubectl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startEtcd(command: string, folder: string) {
  const url = `http://127.0.0.1:${await findFreePort()}`;
  const peerUrl = `http://127.0.0.1:${await findFreePort()}`;
  const args = [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    // Nothing has to survive a crash.
    '--unsafe-no-fsync',
  ];
  const child = await startProcess({ name: 'etcd', command, args, logFile: join(folder, 'etcd.log') });
  await untilReady(child, async () => {
    const answer = await fetch(`${url}/health`);
    if (!answer.ok) throw new Error(`etcd answers ${answer.status}`);
  });
  return { url, process: child };
}

interface ServerPlace {
  readonly folder: string;
  readonly etcdUrl: string;
  readonly port: number;
  readonly token: string;
}

async function serverArguments({ folder, etcdUrl, port, token }: ServerPlace): Promise<string[]> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const files = { private: join(folder, 'sa.key'), public: join(folder, 'sa.pub'), tokens: join(folder, 'tokens.csv') };
  await writeFile(files.private, privateKey);
  await writeFile(files.public, publicKey);
  await writeFile(files.tokens, `${token},operator,operator,system:masters\n`);
  await mkdir(join(folder, 'certificates'));
  return [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${join(folder, 'certificates')}`,
    `--service-account-key-file=${files.public}`,
    `--service-account-signing-key-file=${files.private}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-cluster-ip-range=10.0.0.0/24',
    `--token-auth-file=${files.tokens}`,
    '--authorization-mode=RBAC',
    // No controller makes the accounts of a namespace here.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

function createKubectl(program: string, access: readonly string[], home: string): ApiServer['kubectl'] {
  return async (args) => {
    // Neither the person's clusters nor the caches of them.
    const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: '/dev/null' };
    try {
      const { stdout } = await promisify(execFile)(program, [...access, ...args], { env, maxBuffer: 16_000_000 });
      return stdout;
    } catch (error) {
      throw new KubectlError(args, String((error as { stderr?: unknown }).stderr ?? error));
    }
  };
}

async function untilReady(server: ManagedProcess, ask: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (server.isRunning() && performance.now() < deadline) await sleep(250);
      else throw new Error(`${server.name} is not ready: ${await endOf(server.logFile)}`, { cause: error });
    }
  }
}

async function endOf(logFile: string): Promise<string> {
  return (await readFile(logFile, 'utf8')).slice(-2_000);
}
