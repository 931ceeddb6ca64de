import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { bundleWorkflows } from '../../src/temporal/bundle-workflows.ts';

const SOURCE = resolve(import.meta.dirname, '../../src');

/** What makes another release of the workflow code. */
interface Change {
  /** A file in `src/workflows/`. */
  readonly file: string;
  readonly edit: (text: string) => string;
  /** Whether versioned workers load it, too. */
  readonly isVersionedToo?: boolean;
}

/**
 * Bundles a copy of the present workflow code in which one file is changed, and returns the bundle's path.
 * @throws {Error} when the edit changes nothing.
 */
export async function bundleChanged(folder: string, { file, edit, isVersionedToo = false }: Change): Promise<string> {
  for (const part of ['temporal/bundle-workflows.ts', 'runtime/command-arguments.ts', 'workflows', 'domain']) {
    await cp(join(SOURCE, part), join(folder, 'src', part), { recursive: true });
  }
  await symlink(resolve(SOURCE, '../node_modules'), join(folder, 'node_modules'));
  const path = join(folder, 'src/workflows', file);
  const text = await readFile(path, 'utf8');
  const changed = edit(text);
  if (changed === text) throw new Error(`${file} is as it was`);
  await writeFile(path, changed);
  const copy = (await import(join(folder, 'src/temporal/bundle-workflows.ts'))) as {
    bundleWorkflows: typeof bundleWorkflows;
  };
  const bundle = join(folder, 'bundle.js');
  for (const isVersioned of isVersionedToo ? [false, true] : [false]) {
    await copy.bundleWorkflows({ path: bundle, sealsFailures: false, isVersioned });
  }
  return bundle;
}

/** A release whose orders begin by a timer. The history of an order that began without it does not replay on it. */
export function bundleNextSaga(folder: string): Promise<string> {
  return bundleChanged(folder, {
    file: 'order-workflow.ts',
    isVersionedToo: true,
    edit: (text) =>
      `import { sleep } from '@temporalio/workflow';\n${text.replace('const opened =', 'await sleep(1);\n    const opened =')}`,
  });
}

/** Whether an order's history was written by the next saga: it has a timer of one millisecond, as no order has else. */
export async function isOnNextSaga(order: Pick<WorkflowHandle, 'fetchHistory'>): Promise<boolean> {
  const { events } = await order.fetchHistory();
  const timers = (events ?? []).map(({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout);
  return timers.some((time) => Number(time?.seconds ?? 0) === 0 && time?.nanos === 1_000_000);
}
