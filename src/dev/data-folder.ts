import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder of the project, which holds `package.json`. */
export const PROJECT_FOLDER = resolve(import.meta.dirname, '../..');

/** The folder of a development system: `DATA_DIR`, relative to the project; an empty variable counts as not set. */
export function dataFolderOf(variables: { readonly DATA_DIR?: string | undefined }): string {
  return resolve(PROJECT_FOLDER, variables.DATA_DIR || '.data');
}

/** Names the folder of the system that `npm start` runs, for tools in shells that do not know its `DATA_DIR`. */
const RUNNING = join(PROJECT_FOLDER, '.data-dir');

/** The folder that a tool reads: its own `DATA_DIR`, else that of the running system, else the usual one. */
export function toolDataFolder(variables: { readonly DATA_DIR?: string | undefined }, running = RUNNING): string {
  const named = existsSync(running) ? readFileSync(running, 'utf8').trim() : '';
  return dataFolderOf({ DATA_DIR: variables.DATA_DIR || (existsSync(named) ? named : undefined) });
}

/** Records that the system of a folder runs; returns a function that removes the record. */
export function announceRunning(dataFolder: string, running = RUNNING): () => void {
  writeFileSync(running, `${dataFolder}\n`);
  return () => {
    if (existsSync(running) && readFileSync(running, 'utf8').trim() === dataFolder) rmSync(running);
  };
}
