import { existsSync } from 'node:fs';
import { dataFolderOf } from './data-folder.ts';
import { dataPaths } from './dev-files.ts';

/**
 * Preload of the npm scripts (`node --import`): gives a tool the addresses and secrets of the system that `npm start` runs
 * in `DATA_DIR`, if there is one. What is set in the environment wins.
 */
const { environmentFile } = dataPaths(dataFolderOf(process.env));
if (existsSync(environmentFile)) process.loadEnvFile(environmentFile);
