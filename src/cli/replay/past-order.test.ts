import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { expect, it } from 'vitest';
import { isRefusal } from '../../domain/command.ts';
import { readWorkflowPast, type WorkflowPast } from '../../temporal/history/workflow-past.ts';
import { pastCommandOf } from './past-command.ts';
import { pastOrderOf } from './past-order.ts';

const HISTORIES = join(import.meta.dirname, '../../../tests/replay/histories');

/** Reads a recorded history as if Temporal had it. */
async function readPast(name: string): Promise<WorkflowPast> {
  const history = historyFromJSON(JSON.parse(readFileSync(join(HISTORIES, `${name}.json`), 'utf8')));
  const described = { workflowId: 'w', runId: 'r', type: 't', status: { name: 'COMPLETED' }, startTime: new Date() };
  const handle = { describe: () => Promise.resolve(described), fetchHistory: () => Promise.resolve(history) };
  const client = {
    options: { loadedDataConverter: { payloadConverter: defaultPayloadConverter, payloadCodecs: [] } },
    workflow: { getHandle: () => handle },
  } as unknown as Client;
  const past = await readWorkflowPast(client, 'w');
  if (past === null) throw new RangeError(name);
  return past;
}

const named = (prefix: string): string[] =>
  globSync(`${prefix}-*.json`, { cwd: HISTORIES }).map((file) => basename(file, '.json'));

it('Every recorded order shows what a replay after a restore stores first', async () => {
  const orders = await Promise.all(
    named('order')
      .filter((name) => name !== 'order-feed')
      .map(async (name) => ({ name, ...pastOrderOf(await readPast(name)) })),
  );
  expect(orders.length).toBeGreaterThan(20);
  for (const { name, status, refusal, cancel, expiredMinor, firstTaskEnd } of orders.map(({ run, ...order }) => ({
    ...order,
    ...run,
  }))) {
    expect({ name, hasEnd: firstTaskEnd !== null }).toEqual({ name, hasEnd: true });
    expect({ name, isRefused: refusal !== null }).toEqual({ name, isRefused: status === 'REJECTED' });
    expect({ name, isCancelled: cancel !== null }).toEqual({ name, isCancelled: status === 'CANCELLED' });
    expect({ name, isExpired: expiredMinor !== null }).toEqual({ name, isExpired: status === 'EXPIRED' });
  }
  expect(orders.find(({ name }) => name === 'order-captured')?.captures).toHaveLength(1);
  expect(orders.find(({ name }) => name === 'order-aborted')).toMatchObject({
    refusal: { reason: 'operator_aborted' },
    isDecided: true,
  });
});

it('Every recorded command shows its decision, with its number', async () => {
  const commands = await Promise.all(
    named('command')
      .filter((name) => name !== 'command-sweep')
      .map(async (name) => ({ name, ...pastCommandOf(await readPast(name)) })),
  );
  expect(commands.length).toBeGreaterThan(5);
  for (const { name, decided } of commands) {
    expect({ name, decided }).toMatchObject({ decided: { decision: expect.any(String) as string } });
    const number = decided?.generation ?? null;
    expect({ name, number: number !== null }).toEqual({ name, number: !isRefusal(decided?.decision ?? 'busy') });
  }
});
