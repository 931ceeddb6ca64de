import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The files in the data folder. */
export function dataPaths(dataFolder: string) {
  const logFolder = join(dataFolder, 'logs');
  return {
    logFolder,
    /** The settings of the last start, for the tools. */
    environmentFile: join(dataFolder, 'dev.env'),
    /** Secrets that are made once. */
    secretsFile: join(dataFolder, 'secrets.env'),
    tokenFile: join(dataFolder, 'dev-token'),
    unansweredFolder: join(dataFolder, 'unanswered-commands'),
    runFile: join(dataFolder, 'run.json'),
    postgresFolder: join(dataFolder, 'postgres'),
    temporalDatabase: join(dataFolder, 'temporal.db'),
    paymentLedger: join(dataFolder, 'payment-ledger.jsonl'),
    mails: join(dataFolder, 'mails.jsonl'),
    log: (name: string) => join(logFolder, `${name.toLowerCase().replaceAll(' ', '-')}.log`),
  };
}

/**
 * Makes the data folder, closed to other users. If root makes it, other users may pass through it but not list it,
 * because PostgreSQL runs as another user and must reach its own folder. A folder that exists keeps its mode.
 */
export function makeDataFolder(dataFolder: string): void {
  mkdirSync(dirname(dataFolder), { recursive: true });
  if (existsSync(dataFolder)) return;
  mkdirSync(dataFolder, { mode: 0o700 });
  if (process.getuid?.() === 0) chmodSync(dataFolder, 0o711);
}

/** Writes variables in the format of `node --env-file`, readable only by this user. */
export function writeEnvironmentFile(file: string, variables: Readonly<Record<string, string>>, head: string): void {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quote(name, value)}\n`);
  writePrivateFile(
    file,
    `# ${head}
${lines.join('')}`,
  );
}

/** Writes a file of mode 0600. It is written under another name and renamed, so that a reader never sees half of it. */
export function writePrivateFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The format has no escaping, so a value stands between quotes that it does not contain. */
function quote(name: string, value: string): string {
  const mark = ["'", '"', '`'].find((candidate) => !value.includes(candidate));
  if (mark === undefined || value.includes('\n')) throw new Error(`${name} cannot be written to an environment file`);
  return `${mark}${value}${mark}`;
}
