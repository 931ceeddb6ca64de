import { existsSync, readFileSync } from 'node:fs';
import { dataPaths } from './dev-files.ts';
import { loadDevEnvironment, type EnvironmentVariables } from './dev-environment.ts';

/** The address of an API, and a token for it. */
export interface ApiAccess {
  readonly url: string;
  readonly token: string;
}

/** No source names an API or a token; the message says what to do. */
class ApiUnknownError extends Error {
  constructor(reason: string) {
    super(`${reason}: start a system with \`npm start\`, or name one with --url and --token`);
    this.name = 'ApiUnknownError';
  }
}

/**
 * The named API, else the one of the last `npm start`, whose address and token are in the data folder.
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
