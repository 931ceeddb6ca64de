import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { PROJECT_FOLDER } from '../../../src/dev/data-folder.ts';

/** The fields of a container in `docker-compose.yml` that tests use. */
export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly container_name?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly stop_grace_period?: string;
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly deploy?: { readonly resources: { readonly limits: { readonly memory: string; readonly pids: number } } };
}

/** The file with its anchors resolved; `${...}` is unchanged. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** Variables of a file that stands beside `.env`, filled in with those of `.env` as compose does. */
export function readEnvFile(
  path: string,
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const own = parseEnv(readFileSync(join(PROJECT_FOLDER, path), 'utf8'));
  return { ...variables, ...fillAll(own, variables) };
}

/** Reads `docker-compose.yml`. */
export function readComposeFile(): ComposeFile {
  return parse(readFileSync(join(PROJECT_FOLDER, 'docker-compose.yml'), 'utf8'), { merge: true }) as ComposeFile;
}

/**
 * The service of this name.
 * @throws {RangeError} when it does not exist.
 */
export function serviceOf({ services }: ComposeFile, name: string): ComposeService {
  const service = services[name];
  if (service === undefined) throw new RangeError(`docker-compose.yml has no service ${name}`);
  return service;
}

/** The environment of a container: `${NAME:-default}` and `${NAME:?message}` are filled in like compose does. */
export function environmentOf(
  service: ComposeService,
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return fillAll(service.environment ?? {}, variables);
}

function fillAll(
  texts: Readonly<Record<string, string | number | undefined>>,
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const fill = (text: string): string =>
    text.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (...found: string[]) => {
      const [, name = '', operator = '', word = ''] = found;
      const value = variables[name] ?? '';
      if (value !== '') return value;
      if (operator === '?') throw new RangeError(word);
      return word;
    });
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, fill(`${value}`)]));
}
