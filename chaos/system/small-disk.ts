import { execFile } from 'node:child_process';
import { chown, mkdir, stat, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Cleanup } from '../../bench/cleanup.ts';

const run = promisify(execFile);

/** Far more than the tables of the largest run; memory is used only for what is stored. */
const SIZE_BYTES = 2 * 1_024 ** 3;

/** What a full disk still takes: less than one more extension of every table. */
const LEFT_BYTES = 256 * 1_024;

/** A file system of its own (tmpfs) that can be made full. */
export interface SmallDisk {
  readonly folder: string;
  /** No further page can be stored. */
  fill(): Promise<void>;
  /** There is space again. */
  free(): Promise<void>;
}

/** Whether this process may mount one: only root may. */
export function canMountDisk(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

/** Mounts a disk at a folder, for the owner of the folder's parent; null where that is not allowed. */
export async function mountSmallDisk(folder: string, parent: string, cleanup: Cleanup): Promise<SmallDisk | null> {
  if (!canMountDisk()) return null;
  await mkdir(folder);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES},mode=0700`, 'order-saga-chaos', folder]);
  } catch {
    // A container's root may lack the right.
    return null;
  }
  await cleanup.add(async () => {
    await run('umount', [folder]);
  });
  const { uid, gid } = await stat(parent);
  await chown(folder, uid, gid);
  const resize = (bytes: number) => run('mount', ['-o', `remount,size=${bytes}`, folder]);
  return {
    folder,
    fill: async () => {
      const { blocks, bfree, bsize } = await statfs(folder);
      await resize((blocks - bfree) * bsize + LEFT_BYTES);
    },
    free: async () => {
      await resize(SIZE_BYTES);
    },
  };
}
