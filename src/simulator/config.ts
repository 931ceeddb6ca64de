import { z } from 'zod';

/** Where the simulator listens and keeps its ledger. */
export interface SimulatorConfig {
  readonly port: number;
  readonly host: string;
  readonly ledgerFile: string;
  /** Where effects are reported; null for nowhere. */
  readonly webhook: { readonly url: string; readonly secret: string } | null;
}

/** The environment is wrong; `message` lists every problem, one per line, each with its variable. */
class SimulatorConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SimulatorConfigError';
  }
}

const environmentSchema = z.object({
  PAYMENT_WEBHOOK_URL: z.url().optional(),
  PAYMENT_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64')
    .optional(),
  SIMULATOR_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535')
    .default(8090),
  SIMULATOR_HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an address')
    .default('127.0.0.1'),
  SIMULATOR_LEDGER_FILE: z
    .string()
    .refine((file) => !file.includes('\0'), 'must be a path')
    .default('.data/payment-ledger.jsonl'),
});

/** Reads the simulator's variables; an empty one counts as absent. Throws one `SimulatorConfigError` for all problems. */
export function loadSimulatorConfig(env: Readonly<Record<string, string | undefined>>): SimulatorConfig {
  const given = Object.fromEntries(Object.keys(environmentSchema.shape).map((name) => [name, env[name] || undefined]));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    throw new SimulatorConfigError(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`));
  }
  const { SIMULATOR_PORT: port, SIMULATOR_HOST: host, SIMULATOR_LEDGER_FILE: ledgerFile } = parsed.data;
  const { PAYMENT_WEBHOOK_URL: url, PAYMENT_WEBHOOK_SECRET: secret } = parsed.data;
  if (url === undefined) return { port, host, ledgerFile, webhook: null };
  if (secret === undefined)
    throw new SimulatorConfigError(['PAYMENT_WEBHOOK_SECRET is required with PAYMENT_WEBHOOK_URL']);
  return { port, host, ledgerFile, webhook: { url, secret } };
}
