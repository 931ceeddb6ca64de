import { resolve } from 'node:path';

/** The folder of the project: the one that holds `package.json`. */
export const PROJECT_FOLDER = resolve(import.meta.dirname, '../..');

/** The folder of a development system: `DATA_DIR`, seen from the project; an empty variable counts as not set. */
export function dataFolderOf(variables: { readonly DATA_DIR?: string | undefined }): string {
  return resolve(PROJECT_FOLDER, variables.DATA_DIR || '.data');
}
