import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/**
 * Bundles the workflow code into one file, which workers load instead of building it at start. It also proves that
 * workflow code reaches no Node module: the bundler fails on any it finds.
 */
export async function bundleWorkflows(path: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(
      import.meta.dirname,
      'workflows',
      import.meta.filename.endsWith('.ts') ? 'index.ts' : 'index.js',
    ),
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(dirname(path), { recursive: true });
  // Written aside and renamed, so that two processes that bundle at once never read half a file.
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, code);
  await rename(aside, path);
}

if (import.meta.main) await bundleWorkflows(process.argv[2] ?? 'dist/workflow-bundle.js');
