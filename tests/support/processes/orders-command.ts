import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommandLine } from '../../../src/cli/run-command-line.ts';
import { PaymentContractError } from '../../../src/domain/errors.ts';
import { plannedOrder } from '../faults/evidence.ts';
import { createFaults, failBefore, type Faults } from '../faults/faults.ts';
import { openCaseOf, untilStatus } from '../faults/order-actions.ts';
import { startTestSystem, type OrderOverrides, type TestSystem } from '../system.ts';

/** What a command has answered. */
export interface Run {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** A system and the command line of its operators. */
export interface OrdersCommand {
  readonly system: TestSystem;
  readonly faults: Faults;
  /** `npm run orders -- ...`, in this process; `ORDERS_TOKEN` is the demo tenant's. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Run>;
  /** The same in a process of its own, without npm. */
  runAlone(args: readonly string[]): Promise<Run>;
  /** The answer of a command that has to succeed. */
  answerOf<Body = Record<string, unknown>>(...args: string[]): Promise<Body>;
  /** An order that is CONFIRMED. */
  sold(order?: OrderOverrides): Promise<string>;
  /** An order whose payment is parked as a case. */
  parked(code?: 'payment_contract' | 'other'): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a system and a folder for the data of its command line. */
export async function startOrdersCommand(): Promise<OrdersCommand> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'order-saga-cli-data-'));
  const faults = createFaults();
  const system = await startTestSystem({ wrapActivities: faults.wrap });
  const variables = async () => ({
    PATH: process.env['PATH'],
    API_URL: system.url,
    ORDERS_TOKEN: await system.token(),
    DATA_DIR: dataFolder,
  });
  const run: OrdersCommand['run'] = async (args, env = {}) => inThisProcess(args, { ...(await variables()), ...env });
  return {
    system,
    faults,
    run,
    runAlone: async (args) => inItsOwnProcess(args, await variables()),
    answerOf: async <Body>(...args: string[]) => {
      const answer = await run([...args, '--json']);
      expect(answer).toMatchObject({ code: 0, errors: '' });
      return JSON.parse(answer.output) as Body;
    },
    sold: async (order = {}) => {
      const orderId = await system.postOrder(order);
      await untilStatus(system, orderId, 'CONFIRMED');
      return orderId;
    },
    parked: async (code = 'payment_contract') => {
      const { key, orderId } = plannedOrder();
      const failure = code === 'other' ? new TypeError('made so') : new PaymentContractError(orderId, 'made so');
      faults.inject(orderId, 'takePayment', failBefore(failure));
      await system.postOrder({}, key);
      await openCaseOf(system, orderId);
      return orderId;
    },
    stop: async () => {
      await system.stop();
      await rm(dataFolder, { recursive: true });
    },
  };
}

/** Runs `npm run orders -- ...` in this process, without a terminal. */
export async function inThisProcess(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onTold: (text: string) => void = () => {},
): Promise<Run> {
  const lines = { output: '', errors: '' };
  const code = await runCommandLine(args, {
    env,
    isTable: false,
    isInteractive: false,
    print: (text) => void (lines.output += `${text}\n`),
    tell: (text) => {
      lines.errors += `${text}\n`;
      onTold(text);
    },
    ask: () => Promise.reject(new Error('nobody is there')),
  });
  return { code, ...lines };
}

function inItsOwnProcess(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/cli/main.ts', ...args], { env }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors });
    });
  });
}
