import { existsSync, readFileSync } from 'node:fs';
import { dataPaths } from './dev-files.ts';
import { loadDevEnvironment, type EnvironmentVariables } from './dev-environment.ts';

/** Where an API is and what to show it. */
export interface ApiAccess {
  readonly url: string;
  readonly token: string;
}

/** Nothing says where an API is or what it would accept; the message says what to do. */
class ApiUnknownError extends Error {
  constructor(reason: string) {
    super(`${reason}: start a system with \`npm start\`, or name one with --url and --token`);
    this.name = 'ApiUnknownError';
  }
}

/**
 * The API that was named, else the one of the last `npm start`, whose address and token are in the data folder.
 * @throws {ApiUnknownError}
 */
export function findApi(
  variables: EnvironmentVariables,
  named: { readonly url: string | null; readonly token: string | null },
): ApiAccess {
  const { apiUrl, dataFolder } = loadDevEnvironment(variables);
  const { tokenFile } = dataPaths(dataFolder);
  const token = named.token ?? (existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() : null);
  if (token === null) throw new ApiUnknownError(`there is no ${tokenFile} yet`);
  return { url: named.url ?? apiUrl, token };
}
