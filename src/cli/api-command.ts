import type { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import type { CommandForm, Options } from './command-line.ts';
import type { Tables } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a command over the API works with. */
export interface ApiTools {
  readonly subject: string;
  readonly options: Options;
  readonly api: ApiClient;
  /** `Idempotency-Key` of whatever the command posts. */
  readonly key: string;
  /** Says how far it is. */
  readonly tell: Terminal['tell'];
  /** Prints an answer: as it came with `--json`, else as `format` lays it out. */
  show<Schema extends z.ZodType>(
    answer: unknown,
    schema: Schema,
    format: (value: z.output<Schema>, tables: Tables) => string,
  ): void;
}

/** A command that asks the API and nothing else. */
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
