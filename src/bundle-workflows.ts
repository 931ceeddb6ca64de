import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/**
 * Bundles the workflow code into one file, which workers load instead of building it at start. It also proves that
 * workflow code reaches no Node module: the bundler fails on any it finds.
 */
export async function bundleWorkflows(path: string): Promise<void> {
  // The same code bundles the sources and, in an image, what was compiled from them.
  const extension = extname(import.meta.filename);
  const workflows = join(import.meta.dirname, 'workflows');
  const workflowsPath = join(workflows, `index${extension}`);
  const interceptors = join(workflows, `correlation${extension}`);
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [interceptors],
    // Modules of workflows keep no state, so each workflow may have the same ones instead of evaluating its own. The SDK
    // freezes what they export; modules.test.ts holds them to the rest.
    preloadModules: [workflowsPath, interceptors],
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(dirname(path), { recursive: true });
  // Written aside and renamed, so that two processes that bundle at once never read half a file.
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, code);
  await rename(aside, path);
}

if (import.meta.main) await bundleWorkflows(process.argv[2] ?? 'dist/workflow-bundle.js');
