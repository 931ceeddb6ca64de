import { existsSync } from 'node:fs';
import { keepLoopbackDirect } from '../runtime/loopback.ts';
import { toolDataFolder } from './data-folder.ts';
import { dataPaths } from './dev-files.ts';

/**
 * Preload of the npm scripts (`node --import`): gives a tool the settings and secrets of the system that `npm start`
 * runs, if there is one. Variables in the environment take precedence.
 */
keepLoopbackDirect(process.env);
const dataFolder = toolDataFolder(process.env);
const { environmentFile } = dataPaths(dataFolder);
process.env['DATA_DIR'] = dataFolder;
if (existsSync(environmentFile)) process.loadEnvFile(environmentFile);
