import { join } from 'node:path';
import { startProcess, type ManagedProcess } from '../../src/dev/processes/processes.ts';

/** What the Dockerfile says of the image. */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** A mounted image, and where the logs of its processes go. */
export interface MountedImage {
  readonly root: string;
  readonly config: ImageConfig;
  readonly logFolder: string;
}

/** A process of the image as an orchestrator starts it. */
export interface ImageProcess {
  readonly name: string;
  /** In place of the image's own command. */
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `uid:gid`, in place of the image's own user. */
  readonly user?: string;
}

/** Mounts in a namespace of their own, which ends with the process; then becomes the process. */
const ENTER = `
set -e
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --bind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/data"
mount -o remount,bind,ro "$ROOT"
exec chroot --userspec="$AS" "$ROOT" env -i HOME=/tmp "$@"
`;

/**
 * Starts a process of the image on this machine's network, with its files read-only but for /tmp and /data, without
 * root's rights. The entry point of the image is in it, so a signal goes the way that it goes in a container.
 */
export function startImageProcess(image: MountedImage, spec: ImageProcess): Promise<ManagedProcess> {
  const { config, root, logFolder } = image;
  const { name, command = config.Cmd, env, user = config.User } = spec;
  const variables = [...config.Env, ...Object.entries(env).map(([variable, value]) => `${variable}=${value}`)];
  const inFolder = ['sh', '-c', 'cd "$0" && exec "$@"', config.WorkingDir];
  const started = [...variables, ...inFolder, ...config.Entrypoint, ...command];
  return startProcess({
    name,
    command: 'unshare',
    args: ['--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'sh', ...started],
    env: { PATH: process.env['PATH'], ROOT: root, AS: user },
    logFile: join(logFolder, `${name}.log`),
  });
}
