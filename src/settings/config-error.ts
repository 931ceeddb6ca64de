import type { z } from 'zod';

/** The configuration cannot be used; the message lists every problem on a line of its own. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length} problem(s):\n${problems.map((text) => `  - ${text}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Variables without a value count as absent. */
export function present(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/** What a schema found wrong with the given variables, one sentence for each. */
export function problemsOf(error: z.ZodError | undefined, given: Readonly<Record<string, unknown>>): string[] {
  return (error?.issues ?? []).map(({ path, message }) => {
    const name = path.join('.');
    return `${name}: ${name in given ? message : 'is required'}`;
  });
}
