import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createApp } from './app.ts';
import { createDelays } from './delays.ts';
import { createFaultSwitches } from './faults.ts';
import { openLedger } from './ledger.ts';
import { createPayments } from './payments.ts';
import { createWebhookSender, type WebhookTarget } from './webhooks.ts';

/** `pm_slow` takes 2 s: longer than the order service's quick local try (1 s), shorter than its retried step (5 s). */
const SLOW_MS = 2_000;

/** Above the usual idle time of client pools (4 to 60 s), so that the client closes first and never meets a reset. */
const KEEP_ALIVE_MS = 65_000;

/** On close all waits end at once; what is still open after a second is a client that does not finish its body. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Short compared with the grace second, long compared with an answer: connections that become idle while the simulator
 * closes end this soon.
 */
const CLOSE_SWEEP_MS = 20;

/** How to build a simulator; everything but the file has a default made for tests. */
export interface SimulatorOptions {
  /** The JSONL file of the ledger; created with its directory if absent. Only one simulator may use it at a time. */
  readonly ledgerFile: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** How long `pm_slow` takes; default 2 s. */
  readonly slowMs?: number;
  /** Numbers in [0, 1) for the fault rates; default `Math.random`. */
  readonly random?: () => number;
  /** Where effects are reported; default: nowhere. */
  readonly webhook?: WebhookTarget | null;
  /** Told about a torn ledger line or an internal failure; default: a line on stderr. */
  readonly warn?: (message: string) => void;
}

/** A listening simulator. */
export interface Simulator {
  /** For example `http://127.0.0.1:8090`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /**
   * Stops listening, answers 503 to waiting requests, drops requests that have not landed, and closes the ledger.
   * Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Loads the ledger and listens; resolves when requests are served. Throws `LedgerCorruptError`, or Node's error
 * with `code` `EADDRINUSE` when the port is taken.
 */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, slowMs = SLOW_MS, webhook = null, warn = warnOnStderr } = options;
  const ledger = await openLedger(options.ledgerFile, warn);
  const delays = createDelays();
  const faults = createFaultSwitches(options.random);
  const webhookDelays = createDelays();
  const webhooks = createWebhookSender(webhook, webhookDelays, warn);
  const payments = createPayments({ ledger, faults, delays, webhooks, slowMs, warn });
  const listener = getRequestListener(createApp({ payments, faults, warn }).fetch, { hostname: 'localhost' });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    void listener(incoming, outgoing);
  });
  const boundPort = await listen(server, port, host).catch(async (error: unknown) => {
    await ledger.close();
    throw error;
  });
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    port: boundPort,
    close() {
      delays.stop();
      webhookDelays.stop();
      closing ??= closeServer(server).then(() => ledger.close());
      return closing;
    },
  };
}

/** Answers the port that was bound. */
function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // `close` ends only connections that are idle at that moment; the others become idle once they are answered.
    const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_SWEEP_MS);
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(force);
      resolve();
    });
  });
}

function warnOnStderr(message: string): void {
  process.stderr.write(`payment simulator: ${message}\n`);
}
