import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createLogger } from '../../src/runtime/logger.ts';
import { installTemporalRuntime } from '../../src/temporal/runtime.ts';
import { STEP_POLICIES } from '../../src/workflows/steps/step-policies.ts';
import { bundleChanged } from '../support/changed-bundle.ts';

const HISTORIES = join(import.meta.dirname, 'histories');
const SOURCE = resolve(import.meta.dirname, '../../src');

const files = (await readdir(HISTORIES)).filter((file) => file.endsWith('.json'));
const names = files.map((file) => file.replace('.json', ''));

beforeAll(() => installTemporalRuntime(createLogger({ level: 'silent', service: 'replay' }), null));

it.each(names)('The recorded history %s replays on the workflow code of today', async (name) => {
  await expect(replay(inject('workflowBundle'), name)).resolves.toBeUndefined();
});

it('A recorded history exists for every workflow and every step', async () => {
  const all = (await Promise.all(names.map(readable))).join('\n');
  const registered = await readFile(join(SOURCE, 'workflows/index.ts'), 'utf8');
  const workflows = [...registered.matchAll(/\w+Workflow/g)].map(([name]) => name);
  expect(workflows).toContain('orderWorkflow');
  for (const name of [...workflows, ...Object.keys(STEP_POLICIES)]) expect(all).toContain(`"${name}"`);
});

it('A recorded history names no machine and no folder', async () => {
  const all = (await Promise.all(names.map(readable))).join('\n');
  expect(all).not.toMatch(/\d+@/);
  expect(all).not.toMatch(/node_modules|\.ts:\d+/);
});

let folder: string;
let changed: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-saga-changed-'));
  changed = await bundleWithSwappedSteps(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(['order-confirmed', 'order-on-queues'])(
  'The recorded history %s catches workflow code whose steps come in another order',
  async (name) => {
    await expect(replay(changed, name)).rejects.toThrow(DeterminismViolationError);
  },
);

async function replay(codePath: string, name: string): Promise<void> {
  const history = historyFromJSON(JSON.parse(await readFile(join(HISTORIES, `${name}.json`), 'utf8')));
  await Worker.runReplayHistory({ workflowBundle: { codePath } }, history);
}

/** A history's text with its base64 payloads decoded. */
async function readable(name: string): Promise<string> {
  const text = await readFile(join(HISTORIES, `${name}.json`), 'utf8');
  return text.replaceAll(/"data": "([^"]*)"/g, (_, data: string) => Buffer.from(data, 'base64').toString('utf8'));
}

/** The present workflows, except that the commit comes before the payment, and the hold after it. */
function bundleWithSwappedSteps(folder: string): Promise<string> {
  return bundleChanged(folder, {
    file: 'order/sale-steps.ts',
    edit: (text) =>
      text.replaceAll(/steps\.run\(\s*'(holdStock|commitStock)'/g, (_, step: string) =>
        step === 'holdStock' ? `steps.run('commitStock'` : `steps.run('holdStock'`,
      ),
  });
}
