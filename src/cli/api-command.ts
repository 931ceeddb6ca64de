import type { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import type { CommandForm, Options } from './command-line.ts';
import type { Tables } from './table.ts';
import type { Terminal } from './terminal.ts';

/** The tools of a command that uses the API. */
export interface ApiTools {
  readonly subject: string;
  readonly options: Options;
  readonly api: ApiClient;
  /** The `Idempotency-Key` of the command's post. */
  readonly key: string;
  /** Reports the progress. */
  readonly tell: Terminal['tell'];
  /** Prints an answer: unchanged with `--json`, else as `format` lays it out. */
  show<Schema extends z.ZodType>(
    answer: unknown,
    schema: Schema,
    format: (value: z.output<Schema>, tables: Tables) => string,
  ): void;
}

/** A command that uses only the API. */
export interface ApiCommand extends CommandForm {
  readonly kind: 'api';
  /** @returns the exit code. */
  readonly run: (tools: ApiTools) => Promise<number>;
}

/** A command that shows one answer. */
export function reading(
  form: Omit<CommandForm, 'options'> & Partial<Pick<CommandForm, 'options'>>,
  run: (tools: ApiTools) => Promise<void>,
): ApiCommand {
  return { ...form, ...asApi([...(form.options ?? []), 'token'], run) };
}

/** A command that changes something, under a key. */
export function changing(form: CommandForm, run: (tools: ApiTools) => Promise<void>): ApiCommand {
  return { ...form, ...asApi([...form.options, 'key', 'token'], run) };
}

function asApi(options: CommandForm['options'], run: (tools: ApiTools) => Promise<void>) {
  return {
    kind: 'api' as const,
    options,
    run: async (tools: ApiTools) => {
      await run(tools);
      return 0;
    },
  };
}
