import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildGoTool, KUBE_SCORE } from '../go-tools.ts';
import type { RenderedOverlay } from './overlays.ts';

/** What kube-score asks for and these manifests do on purpose in another way. */
const IGNORED: Readonly<Record<string, string>> = {
  'container-image-pull-policy': 'an image is named by its digest, or by a tag that is never used twice',
  'deployment-has-host-podantiaffinity': 'topologySpreadConstraints spread the pods, over zones too',
  'deployment-replicas': 'KEDA sets the number of pods, and dev is one machine',
};

/** A limit of CPU would stop the event loop in bursts. */
const FLAGS = ['--ignore-container-cpu-limit', '--exit-one-on-warning', '--kubernetes-version=v1.36'];

/**
 * What kube-score finds wrong in an overlay, a line each.
 * @throws {Error} when kube-score cannot judge.
 */
export async function scoreOverlay({ text }: RenderedOverlay): Promise<string[]> {
  const program = join(await buildGoTool(KUBE_SCORE), 'kube-score');
  const ignored = Object.keys(IGNORED).map((name) => `--ignore-test=${name}`);
  const { stdout, stderr } = spawnSync(program, ['score', '--output-format=ci', ...FLAGS, ...ignored, '-'], {
    input: text,
    encoding: 'utf8',
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (!lines.some((line) => line.startsWith('[OK]'))) throw new Error(`kube-score judged nothing: ${stderr || stdout}`);
  return lines.filter((line) => /^\[(?:CRITICAL|WARNING)\]/.test(line));
}
